"""What the portal changes in the theme of the admin: search, titles of filters, names of rows, and logs."""

import io
import logging
import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from integrations.models import ApiKey
from portal.logging.setup import logging_config
from tests.exams.cast import Stage, make_stage
from tests.people import logged_in, make_person


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    return make_stage()


@pytest.fixture
def superuser(stage: Stage) -> Client:
    return logged_in(make_person("chief", is_staff=True, is_superuser=True))


@pytest.mark.parametrize("query", ["s=invit", "s=Invit&extended=1", "s=a", f"s={'a+' * 3000}", "s=", ""])
def test_a_search_for_a_list_is_answered_each_time(superuser: Client, query: str) -> None:
    pages = [superuser.get(f"/admin/search/?{query}") for _ in range(2)]
    assert {each.status_code for each in pages} == {200}
    # The second comes from the cache. The time that a search took is on the page.
    links = [re.findall(r'href="([^"]+)"', each.content.decode()) for each in pages]
    assert links[0] == links[1]
    assert ("/admin/accounts/invitation/" in links[0]) == ("nvit" in query or query == "s=a")


@pytest.mark.parametrize("page", ["0", "2", "x", "9" * 5000])
def test_a_page_that_a_search_does_not_have_is_refused(superuser: Client, page: str) -> None:
    assert superuser.get("/admin/search/", {"s": "a", "page": page}).status_code == 400


def test_no_filter_is_titled_by_the_name_of_a_column(superuser: Client) -> None:
    titles = []
    for model in admin.site._registry:
        answer = superuser.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
        shown = re.findall(r'<h3 class="font-semibold mb-2[^>]*>(.*?)</h3>', answer.content.decode())
        titles += [(model.__name__, title) for title in shown]
    assert ("Invitation", "Accepted") in titles and ("PollRun", "Whole list") in titles
    assert [each for each in titles if re.match(r"By |Is |At$|.* at$|.*_", each[1])] == []


def test_a_filter_for_an_empty_column_is_answered_by_yes_or_no(superuser: Client) -> None:
    page = superuser.get("/admin/exams/submission/").content.decode()
    assert "Empty" not in page
    given_up = page[page.index("Given up</h3>") :]
    assert re.findall(r'title="(\w+)"', given_up)[:3] == ["All", "No", "Yes"]


def test_the_name_of_a_row_is_written_as_it_is(stage: Stage, superuser: Client) -> None:
    key = ApiKey.objects.create(service=stage.service, prefix="abcdefgh", secret="s")
    for row, name in ((key, "abcdefgh"), (stage.people["reviewer"], stage.people["reviewer"].email)):
        address = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        page = superuser.get(address).content.decode()
        assert re.search(rf'tracking-tight">[^<]*{name}', page)
        assert f"{name[0].upper()}{name[1:]}" not in page


@pytest.mark.parametrize(
    ("address", "status"),
    [("/admin/exams/patient/", 403), ("/admin/exams/submission/?x=1", 400), ("/nowhere/", 404)],
)
def test_a_refusal_is_logged_in_one_line(stage: Stage, address: str, status: int) -> None:
    handler = logging.StreamHandler(io.StringIO())
    config = logging_config(level="INFO")
    handler.setFormatter(
        logging.config.DictConfigurator(config).configure_formatter(config["formatters"]["line"])
    )
    handler.addFilter(logging.config.DictConfigurator(config).configure_filter(config["filters"]["refusals"]))
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        assert stage.browser("administrator").get(address).status_code == status
    finally:
        logger.removeHandler(handler)
    assert handler.stream.getvalue().count("\n") == 1
