"""The worklist: keyset pages, filters in the URL, and search texts only in the session."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from exams.models import Report, Submission
from exams.services.review.worklist import Filters, filter_submissions, list_submissions
from integrations.models import Customer
from tests.exams.cast import Stage, add_report, add_submission
from tests.exams.rows import make_customer, make_service

URL = reverse("worklist")


def names(response: Any) -> list[str]:
    """Return the patients of the rows, from top to bottom."""
    cells = re.findall(r'class="row-link"[^>]*>(.*?)</a>', response.content.decode(), re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]


@pytest.fixture
def reviewer(stage: Stage) -> Client:
    return stage.browser("reviewer")


def test_paging_older_and_back_shows_every_row_once_although_times_are_equal(
    stage: Stage, settings: Any
) -> None:
    settings.WORKLIST_PAGE_SIZE = 3
    same = timezone.now() - timedelta(hours=1)
    for _ in range(7):
        add_submission(stage.customer, submitted_at=same)
    user, seen, after = stage.people["reviewer"], [], None
    while True:
        page = list_submissions(user=user, filters=Filters(), after=after)
        seen += [row.submission.pk for row in page.rows]
        if page.older is None:
            break
        after = page.older
    in_order = Submission.objects.order_by("-submitted_at", "-id").values_list("pk", flat=True)
    assert seen == list(in_order)
    back = list_submissions(user=user, filters=Filters(), before=page.newer)
    assert [row.submission.pk for row in back.rows] == seen[3:6]
    assert list_submissions(user=user, filters=Filters(), before=back.newer).newer is None


def test_a_row_that_arrives_between_two_pages_moves_no_other(stage: Stage, settings: Any) -> None:
    settings.WORKLIST_PAGE_SIZE = 2
    for hours in range(1, 4):
        add_submission(stage.customer, submitted_at=timezone.now() - timedelta(hours=hours))
    user = stage.people["reviewer"]
    first = list_submissions(user=user, filters=Filters())
    add_submission(stage.customer)
    second = list_submissions(user=user, filters=Filters(), after=first.older)
    assert not {row.submission.pk for row in first.rows} & {row.submission.pk for row in second.rows}
    assert len(second.rows) == 2


def test_a_cursor_at_another_accounts_row_begins_at_the_top(stage: Stage, reviewer: Client) -> None:
    hidden = add_submission(make_customer(make_service(slug="other")), last_name="Hidden")
    assert names(reviewer.get(URL, {"after": hidden.uuid})) == ["Ann Zebrowska"]
    assert reviewer.get(URL, {"after": "nonsense"}).status_code == 400


def test_the_count_stops_at_its_limit(stage: Stage, settings: Any) -> None:
    add_submission(stage.customer)
    settings.WORKLIST_COUNT_LIMIT = 1
    page = list_submissions(user=stage.people["reviewer"], filters=Filters())
    assert (page.count, page.is_capped) == (2, True)


def test_filters_narrow_the_list_and_are_part_of_the_url(stage: Stage, reviewer: Client) -> None:
    customer = make_customer(stage.service)
    busy = add_submission(customer, last_name="Busy", state="fetching")
    add_submission(customer, last_name="Mine", claimed_by=stage.people["reviewer"])
    done = add_submission(customer, last_name="Done", submitted_at=datetime(2026, 3, 4, 23, 59, tzinfo=UTC))
    add_report(done, state=Report.State.UNCERTAIN)
    add_report(busy, state=Report.State.DRAFT)
    assert names(reviewer.get(URL, {"state": "fetching"})) == ["Busy"]
    assert names(reviewer.get(URL, {"claim": "mine"})) == ["Mine"]
    assert names(reviewer.get(URL, {"claim": "free", "customer": customer.uuid})) == ["Busy", "Done"]
    assert names(reviewer.get(URL, {"report": "trouble"})) == ["Done"]
    assert names(reviewer.get(URL, {"report": "sent"})) == ["Done"]
    assert "Done" not in names(reviewer.get(URL, {"report": "none"}))
    assert names(reviewer.get(URL, {"since": "2026-03-04", "until": "2026-03-04"})) == ["Done"]
    assert names(reviewer.get(URL, {"until": "2026-03-03"})) == []


@pytest.mark.parametrize(
    "nonsense",
    [{"state": "held"}, {"claim": "x"}, {"customer": "7"}, {"since": "9999-99-99"}, {"until": "0000-01-01"}],
)
def test_an_invalid_filter_is_refused_with_a_sentence(nonsense: dict[str, str], reviewer: Client) -> None:
    answer = reviewer.get(URL, nonsense)
    assert answer.status_code == 400
    assert "cannot be filtered by this value" in answer.content.decode()


def test_the_ends_of_the_calendar_can_be_filters(stage: Stage) -> None:
    user = stage.people["reviewer"]
    assert filter_submissions(user=user, filters=Filters(until=date(9999, 12, 30))).count() == 1
    assert filter_submissions(user=user, filters=Filters(since=date(1, 1, 1))).count() == 1


def test_a_day_ends_at_the_readers_midnight(stage: Stage) -> None:
    add_submission(stage.customer, last_name="Late", submitted_at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC))
    filters = Filters(since=date(2026, 3, 5), until=date(2026, 3, 5))
    user = stage.people["reviewer"]
    with timezone.override("Europe/Berlin"):
        assert [each.last_name for each in filter_submissions(user=user, filters=filters)] == ["Late"]
    with timezone.override("America/Lima"):
        assert not filter_submissions(user=user, filters=filters).exists()


def test_a_search_finds_every_word_in_names_and_identifier_and_stays_out_of_the_address(
    stage: Stage, reviewer: Client
) -> None:
    add_submission(stage.customer, last_name="王伟", identifier="0012")
    add_submission(stage.customer, animal_name="Biscuit", owner_name="Noor Berg")
    for words, found in {
        "zebrowska ANN": ["Ann Zebrowska"],
        "7781": ["Ann Zebrowska"],
        "王": ["王伟"],
        "berg": ["Biscuit"],
        "ann berg": [],
        "100%": [],
    }.items():
        response = reviewer.post(reverse("worklist_search"), {"words": words, "filters": "state=ready"})
        address = response["Location"]
        assert "state=ready" in address
        assert re.fullmatch(r"/worklist/\?state=ready&q=[\w-]{8}", address)
        assert names(reviewer.get(address)) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Carver, Ruth", "Dr Ruth Carver"),
        ("Ruth Carver", "Dr Ruth Carver"),
        ("carver;RUTH", "Dr Ruth Carver"),
        ("Carver^Ruth", "Dr Ruth Carver"),
        ("王伟", "王伟"),
        ("伟王", "王伟"),
        ("1961-03-07", "Dr Ruth Carver"),
        ("07.03.1961", "Dr Ruth Carver"),
        ("7.3.1961", "Dr Ruth Carver"),
        ("7 Mar 1961", "Dr Ruth Carver"),
        ("7 March 1961", "Dr Ruth Carver"),
        ("March 7, 1961", "Dr Ruth Carver"),
        ("Carver 07/03/1961", "Dr Ruth Carver"),
        ("1961", "Dr Ruth Carver"),
        ("Kaninchen", "Möhre"),
        ("MÖHRE", "Möhre"),
        ("mo\u0308hre", "Möhre"),
        ("möhre hafen", "Möhre"),
        ("Hafenklinik", "Möhre"),
        ("Dr. Möwe", "Möhre"),
        ("Carver 8 Mar 1961", None),
        ("Carver Hafenklinik", None),
    ],
)
def test_a_patient_is_found_as_people_write_them(
    words: str, found: str | None, stage: Stage, reviewer: Client
) -> None:
    add_submission(
        stage.customer, last_name="Carver^Ruth^^Dr", date_of_birth=date(1961, 3, 7), identifier="8"
    )
    add_submission(stage.customer, first_name="伟", last_name="王", identifier="9")
    clinic = make_customer(stage.service)
    Customer.objects.filter(pk=clinic.pk).update(label="Dr. Möwe", institution="HAFENKLINIK")
    add_submission(clinic, animal_name="Möhre", animal_type="Kaninchen")
    address = reviewer.post(reverse("worklist_search"), {"words": words})["Location"]
    assert names(reviewer.get(address)) == ([found] if found else [])


def test_an_empty_search_clears_the_search_and_keeps_the_filters(reviewer: Client) -> None:
    response = reviewer.post(reverse("worklist_search"), {"words": "  ", "filters": "claim=free&x=1&q=abc"})
    assert response["Location"] == "/worklist/?claim=free"


def test_a_search_does_not_work_in_another_session(stage: Stage, reviewer: Client) -> None:
    address = reviewer.post(reverse("worklist_search"), {"words": "Nobody"})["Location"]
    other = stage.browser("reviewer").get(address)
    assert b"This search has expired" in other.content
    assert b"Nobody" not in other.content


def test_the_audit_log_names_a_search_but_not_its_text(reviewer: Client) -> None:
    reviewer.post(reverse("worklist_search"), {"words": "Zebrowska"})
    reviewer.get(URL)
    entries = Entry.objects.values_list("action", "identifiers")
    assert {action for action, _ in entries} >= {"worklist.searched", "worklist.viewed"}
    assert "Zebrowska" not in str(list(entries))


def test_only_services_that_were_granted_are_listed(stage: Stage, reviewer: Client) -> None:
    add_submission(make_customer(make_service(slug="other")), last_name="Hidden")
    assert names(reviewer.get(URL)) == ["Ann Zebrowska"]
    assert names(stage.browser("administrator with content").get(URL)) == ["Hidden", "Ann Zebrowska"]
    assert names(stage.browser("reviewer without grant").get(URL)) == []


def test_the_page_shows_that_newer_submissions_have_arrived(stage: Stage, reviewer: Client) -> None:
    top = {"top": str(stage.submission.uuid)}
    htmx = {"HX-Request": "true"}
    assert reviewer.get(URL, top, headers=htmx).status_code == 204
    add_submission(stage.customer)
    assert b"1 new" in reviewer.get(URL, top, headers=htmx).content
    assert reviewer.get(URL, top | {"state": "failed"}, headers=htmx).status_code == 204


def test_the_number_of_queries_does_not_grow_with_the_rows(
    stage: Stage, reviewer: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        add_report(add_submission(stage.customer))
    # PostgreSQL takes a time limit, in a transaction of its own.
    with django_assert_max_num_queries(25 if connection.vendor == "sqlite" else 28):
        reviewer.get(URL)


def test_a_nameless_patient_is_shown_by_identifier_else_as_nameless(stage: Stage, reviewer: Client) -> None:
    add_submission(stage.customer, identifier="ACC-1")
    add_submission(stage.customer)
    assert names(reviewer.get(URL))[:2] == ["No name given", "ACC-1 (no name given)"]


def test_markup_in_a_name_stays_text(stage: Stage, reviewer: Client) -> None:
    add_submission(stage.customer, last_name="<img src=x onerror=alert(1)>")
    assert b"<img src=x" not in reviewer.get(URL).content


@pytest.mark.parametrize("zone", ["", "Asia/Tokyo", "America/Lima"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-30", "9999-12-31"])
def test_the_first_and_the_last_day_of_the_calendar_can_be_filters(stage: Stage, day: str, zone: str) -> None:
    stage.people["reviewer"].timezone = zone
    stage.people["reviewer"].save()
    reviewer = stage.browser("reviewer")
    is_past = day.startswith("0")
    assert bool(names(reviewer.get(URL, {"since": day}))) is is_past
    assert bool(names(reviewer.get(URL, {"until": day}))) is not is_past


def test_a_search_drops_characters_that_a_database_refuses(reviewer: Client) -> None:
    found = reviewer.post(reverse("worklist_search"), {"words": "zebr\x00owska"}, follow=True)
    assert len(names(found)) == 1


def test_a_long_search_is_cut_and_says_so(reviewer: Client) -> None:
    for text in (" ".join(["zebr"] * 80), "zebr " * 3000, "z" * 5000):
        page = reviewer.post(reverse("worklist_search"), {"words": text}, follow=True)
        assert "The search used only the first 8 words and 200 characters." in page.content.decode()
        assert len(page.context["filters"].words) <= 200 and len(page.context["filters"].words.split()) <= 8
    page = reviewer.post(reverse("worklist_search"), {"words": "ann zebr"}, follow=True)
    assert "The search used only" not in page.content.decode()


def test_days_the_wrong_way_round_are_named_as_the_reason(reviewer: Client) -> None:
    reversed_days = reviewer.get(URL, {"since": "2026-03-05", "until": "2026-03-04"}).content.decode()
    assert "date is after the" in reversed_days
    empty_day = reviewer.get(URL, {"since": "2026-03-04", "until": "2026-03-04"}).content.decode()
    assert "No submission matches all of these filters" in empty_day
