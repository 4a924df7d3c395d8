"""A list of the admin reads the filters that it declares; everything else in its address is refused."""

import html
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import psycopg
import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from audit.entries import add_entry
from exams.models import FieldMap
from foundation.searching import MOST_CHARACTERS, MOST_WORDS
from integrations.models import Service
from tests.exams.cast import Stage, add_report, make_stage
from tests.exams.rows import make_submission
from tests.people import logged_in, make_person

SUBMISSIONS = "/admin/exams/submission/"
CATASTROPHE = "(.*.*)*.*$zzz"
# Each is too large, too long, or the end of the calendar in a zone in which it has another year.
IMPOSSIBLE = (
    "99999999999999999999",
    "-99999999999999999999",
    "9" * 5000,
    "99999-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "x" * 3000,
    "[]",
    "",
)
PATTERNS = ("__regex", "__iregex")


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    return make_stage()


@pytest.fixture
def superuser(stage: Stage) -> Client:
    return logged_in(make_person("chief", is_staff=True, is_superuser=True))


def address_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def lists() -> Iterator[tuple[str, Any]]:
    """Every list with its address; the page of field maps reads nothing of its address."""
    for model, page in admin.site._registry.items():
        if model is not FieldMap:
            yield address_of(model), page


def parameters_of(browser: Client, address: str) -> set[str]:
    """Return what the filters and the declared links of a list read."""
    shown = browser.get(address).context["cl"]
    read = {name for each in shown.filter_specs for name in each.expected_parameters()}
    return read | set(shown.model_admin.link_lookups)


def test_no_column_of_any_list_is_searched_by_a_pattern(superuser: Client) -> None:
    asked = 0
    for address, page in lists():
        for column in page.opts.concrete_fields:
            for end in PATTERNS:
                answer = superuser.get(address, {f"{column.name}{end}": CATASTROPHE})
                assert answer.status_code == 400, (address, column.name, end)
                asked += 1
    assert asked > 400


def test_what_is_declared_is_neither_a_pattern_nor_across_an_undeclared_relation() -> None:
    for _, page in lists():
        for name in page.link_lookups:
            assert not re.search(r"__i?(regex|contains|startswith|endswith)$", name)
            column, _, end = name.partition("__")
            assert page.opts.get_field(column) and end in ("", "exact", "isnull", "gt", "gte", "lt"), name


def test_an_impossible_value_of_a_filter_is_answered(superuser: Client) -> None:
    asked = 0
    for address, _ in lists():
        for name in parameters_of(superuser, address):
            for value in IMPOSSIBLE:
                assert superuser.get(address, {name: value}).status_code in (200, 400), (address, name, value)
                asked += 1
    assert asked > 300


@pytest.mark.parametrize(
    "query",
    [
        "failure_reason__regex=(.*.*)*.*%24zzz",
        "received_at__year=99999999999999999999",
        "received_at__lt=0001-01-01T00:00:00%2B14:00x",
        "id=99999999999999999999",
        "service__id__exact=99999999999999999999",
        "customer__service__slug=echo",
        "customer__links__user__email__startswith=a",
        "nothing=1",
        "pk__in=1,2",
        "p=99999999999999999999",
        "p=0",
        "p=-1",
        "p=2",
        "p=x",
        "o=99",
        "o=x",
        "o=-",
        f"o={'.'.join(['1'] * 2000)}",
        "e=1",
        "_facets=True",
        "_to_field=raw_data",
        "&".join(["state__exact=ready"] * 900),
    ],
)
def test_anything_else_is_refused_with_a_sentence_and_a_way_back(superuser: Client, query: str) -> None:
    for method in (superuser.get, superuser.post):
        answer = method(f"{SUBMISSIONS}?{query}")
        assert answer.status_code == 400
        page = answer.content.decode()
        assert "This filter cannot be used" in page
        assert f'href="{SUBMISSIONS}"' in page


@pytest.mark.parametrize(
    "query", ["o=-2.1", "o=", "p=1", "all=", "q=ann", "state__exact=ready&state__exact=held"]
)
def test_what_a_list_links_itself_is_read(superuser: Client, query: str) -> None:
    assert superuser.get(f"{SUBMISSIONS}?{query}").status_code == 200


def test_every_link_of_the_portal_to_a_filtered_list_is_read(stage: Stage, superuser: Client) -> None:
    for state in ("received", "fetching", "failed"):
        make_submission(stage.customer, state=state)
    add_report(stage.submission)
    add_entry(action="thing.done", target=stage.submission)
    links: set[str] = set()
    for page in (
        "/admin/",
        "/problems/?of=exams",
        f"/admin/integrations/service/{stage.service.pk}/change/",
        f"{SUBMISSIONS}{stage.submission.pk}/change/",
        SUBMISSIONS,
    ):
        shown = html.unescape(superuser.get(page).content.decode())
        links |= {urljoin(page, each) for each in re.findall(r'href="([^"]*\?[^"]+)"', shown)}
    lists = {each for each in links if each.startswith("/admin/")}
    assert len(lists) > 20
    for each in lists:
        assert superuser.get(each).status_code == 200, each


def test_a_long_search_is_cut_and_says_so(superuser: Client) -> None:
    words = " ".join(f"w{number}" for number in range(80))
    for address, page in lists():
        if not page.search_fields:
            continue
        for text in (words, "x" * 5000):
            answer = superuser.get(address, {"q": text})
            used = answer.context["cl"].query
            assert len(used.split()) <= MOST_WORDS and len(used) <= MOST_CHARACTERS
            assert "The search used only the first 8 words and 200 characters." in answer.content.decode()
        assert "The search used only" not in superuser.get(address, {"q": "one two"}).content.decode()


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a time limit needs PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_a_search_that_takes_too_long_ends_with_a_page(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT, settings.SEARCH_SECONDS = tmp_path / "media", 0.5
    stage = make_stage()
    superuser = logged_in(make_person("chief", is_staff=True, is_superuser=True))
    reviewer = stage.browser("reviewer")
    # The number of problems beside the navigation is then known for a while.
    superuser.get("/problems/")
    is_locked, is_over = threading.Event(), threading.Event()
    database = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}

    def lock() -> None:
        with psycopg.connect(**{name: database[key] for name, key in names.items()}) as other:
            other.execute("LOCK TABLE exams_submission IN ACCESS EXCLUSIVE MODE")
            is_locked.set()
            is_over.wait(60)

    locking = threading.Thread(target=lock)
    locking.start()
    try:
        assert is_locked.wait(30)
        for browser, address in ((superuser, f"{SUBMISSIONS}?q=ann"), (reviewer, "/worklist/")):
            answer = browser.get(address)
            assert answer.status_code == 400
            assert "This search takes too long" in answer.content.decode()
    finally:
        is_over.set()
        locking.join()
    # The connection is the one that the webhook uses next.
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    assert superuser.get(f"{SUBMISSIONS}?q=ann").status_code == 200
    assert Service.objects.count() == 1
