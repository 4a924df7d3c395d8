"""A row is recognised by customer, service, time and the same short request everywhere."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from exams.models import Capture, Report, Submission
from tests.exams.cast import Stage, add_report
from tests.exams.rows import make_capture, make_customer, make_submission

pytestmark = pytest.mark.django_db(transaction=True)

WHEN = datetime(2026, 3, 4, 10, 2, tzinfo=UTC)
MODELS = [Submission, Report, Capture]


@pytest.fixture
def row(stage: Stage) -> Submission:
    Submission.objects.update(submitted_at=WHEN)
    stage.submission.refresh_from_db()
    return stage.submission


def words(row: Submission) -> tuple[str, ...]:
    return (f'title="{row.request_uuid}"', f">{str(row.request_uuid)[:8]}<", "Dr. Osei", "Echo reading")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_show_whose_a_row_is(row: Submission, administrator: Client, model: Any) -> None:
    add_report(row, state="failed")
    page = administrator.get(f"/admin/exams/{model._meta.model_name}/").content.decode()
    for each in words(row):
        assert each in page
    assert model is Capture or "04 Mar 2026" in page
    assert str(row.uuid) not in page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_are_searched_by_the_label_of_a_customer(
    row: Submission, stage: Stage, administrator: Client, model: Any
) -> None:
    other = make_submission(make_customer(stage.service))
    add_report(row), add_report(other), make_capture(other)
    found = administrator.get(f"/admin/exams/{model._meta.model_name}/", {"q": "osei"}).context["cl"].queryset
    assert {getattr(each, "submission", each).pk for each in found} == {row.pk}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_long_list_costs_no_more_queries_than_a_short_one(
    row: Submission, stage: Stage, administrator: Client, model: Any
) -> None:
    add_report(row)

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            administrator.get(f"/admin/exams/{model._meta.model_name}/")
        return len(seen)

    cost()
    before = cost()
    for _ in range(5):
        more = make_submission(make_customer(stage.service))
        add_report(more), make_capture(more)
    assert cost() == before


def test_questions_show_whose_the_rows_are(row: Submission, ask: Any) -> None:
    report = add_report(row, state="uncertain")
    Submission.objects.update(state="failed")
    for model, action, each in ((Submission, "retry", row), (Report, "mark_arrived", report)):
        page = ask(model, action, [each]).content.decode()
        for text in (*words(row), "04 Mar 2026"):
            assert text in page


def test_the_page_of_problems_asks_in_the_same_words(row: Submission, administrator: Client) -> None:
    add_report(row, state="uncertain")
    page = administrator.post("/problems/reports-uncertain/fix/").content.decode()
    for text in (*words(row), "04 Mar 2026"):
        assert text in page


@pytest.mark.parametrize("model", MODELS[:2], ids=lambda model: model.__name__)
def test_a_page_begins_with_the_whole_request_and_folds_what_is_technical(
    row: Submission, confidant: Client, model: Any
) -> None:
    add_report(row)
    model.objects.update(failure_reason="It could not be read.", failure_detail="ProtocolError at byte 7")
    page = confidant.get(f"/admin/exams/{model._meta.model_name}/{model.objects.get().pk}/change/")
    text = page.content.decode()
    assert f'Request <span class="mono">{row.request_uuid}</span>' in text and "Dr. Osei" in text
    # The head may link what the audit log holds of it, but says nothing of our own identifier.
    assert str(row.uuid) not in re.sub(r"<[^>]*>", "", text.partition('id="content"')[0])
    assert model is Submission or str(row.uuid) not in text
    assert text.count("ProtocolError at byte 7") == 1
    assert "It could not be read." in text.partition("<details><summary>Technical detail")[0]
    assert (
        "ProtocolError" in text.partition("<details><summary>Technical detail")[2].partition("</details>")[0]
    )
