"""The backlog: counted, and imported by date or customer, newest first."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from audit.models import Entry
from background.runner import run
from exams.models import BacklogImport, Submission
from exams.services.holds.backlog import IMPORT
from integrations.models import Customer
from tests.exams.cast import Stage
from tests.exams.rows import make_customer, make_submission

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/exams/submission/backlog/"


def add_backlog(customer: Customer, day: int, **fields: Any) -> Submission:
    sent = datetime(2026, 3, day, 12, tzinfo=UTC)
    return make_submission(customer, state="held", hold_reason="before_start", submitted_at=sent, **fields)


def send(browser: Client, stage: Stage, **data: Any) -> Any:
    return browser.post(PAGE, {"service": stage.service.pk} | data, follow=True)


def work() -> None:
    """Let a worker take one step of each import."""
    for row in BacklogImport.objects.filter(ended_at=None):
        BacklogImport.objects.filter(pk=row.pk).update(not_before="2020-01-01T00:00:00Z")
        run(IMPORT, pk=row.pk)


def states() -> list[str]:
    rows = Submission.objects.filter(submitted_at__lt="2026-04-01T00:00:00Z")
    return list(rows.order_by("submitted_at").values_list("state", flat=True))


def test_the_page_shows_the_number_the_dates_and_the_customers_of_the_backlog(
    stage: Stage, administrator: Client
) -> None:
    other = make_customer(stage.service)
    add_backlog(stage.customer, 4), add_backlog(stage.customer, 9), add_backlog(other, 6)
    make_submission(stage.customer, state="held", hold_reason="stopped")
    context = administrator.get(PAGE).context
    assert context["total"] == 3
    assert (context["oldest"].day, context["newest"].day) == (4, 9)
    assert [(each.customer, each.count) for each in context["waiting"]] == [(stage.customer, 2), (other, 1)]


def test_nothing_is_imported_before_the_confirmation(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4)
    page = send(administrator, stage).content.decode()
    assert "Import 1 exam" in page
    assert not BacklogImport.objects.exists() and states() == ["held"]


def test_an_import_resumes_everything_newest_first(stage: Stage, administrator: Client) -> None:
    for day in (4, 9, 6):
        add_backlog(stage.customer, day)
    send(administrator, stage, confirmed="yes")
    assert states() == ["held"] * 3
    work()
    assert states() == ["received"] * 3
    due = Submission.objects.filter(state="received").order_by("not_before")
    assert [row.submitted_at.day for row in due if row.submitted_at] == [9, 6, 4]
    row = BacklogImport.objects.get()
    assert (row.imported_count, row.total_count, row.ended_at is not None) == (3, 3, True)


def test_an_import_is_audited_with_its_outcome(stage: Stage, administrator: Client) -> None:
    row = add_backlog(stage.customer, 4)
    send(administrator, stage, confirmed="yes")
    work()
    started = Entry.objects.get(action="backlog.import_started")
    ended = Entry.objects.get(action="backlog.import_ended")
    assert started.identifiers["count"] == "1" and ended.identifiers["imported"] == "1"
    assert (ended.outcome, ended.actor_label) == ("ok", "a…@example.test")
    assert Entry.objects.filter(action="submission.resumed", target_id=str(row.uuid)).exists()


def test_an_import_by_date_includes_both_days(stage: Stage, administrator: Client) -> None:
    for day in (4, 5, 6, 7):
        add_backlog(stage.customer, day)
    send(administrator, stage, since="2026-03-05", until="2026-03-06", confirmed="yes")
    work()
    assert states() == ["held", "received", "received", "held"]


def test_an_import_of_one_customer_leaves_the_others(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4), add_backlog(make_customer(stage.service), 5)
    send(administrator, stage, customer=stage.customer.pk, confirmed="yes")
    work()
    assert states() == ["received", "held"]


def test_a_large_import_does_not_delay_new_exams(stage: Stage, administrator: Client, settings: Any) -> None:
    settings.BACKLOG_WINDOW = 2
    for day in (4, 5, 6, 7, 8):
        add_backlog(stage.customer, day)
    send(administrator, stage, confirmed="yes")
    work()
    assert states() == ["held", "held", "held", "received", "received"]
    # Nothing was fetched in the meantime, so nothing more is imported.
    work()
    assert states().count("received") == 2
    Submission.objects.filter(state="received").update(state="fetching")
    work()
    assert states() == ["held", "received", "received", "fetching", "fetching"]
    assert BacklogImport.objects.get().ended_at is None


def test_the_page_shows_progress_until_an_import_ends(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4)
    send(administrator, stage, confirmed="yes")
    assert "hx-get" in administrator.get(f"{PAGE}progress/").content.decode()
    work()
    fragment = administrator.get(f"{PAGE}progress/").content.decode()
    assert "1 of 1" in fragment and "hx-get" not in fragment


def test_the_backlog_is_counted_again_during_an_import(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4), add_backlog(stage.customer, 5)
    send(administrator, stage, confirmed="yes", until="2026-03-04")
    assert '<span class="big">2</span>' in administrator.get(f"{PAGE}progress/").content.decode()
    work()
    fragment = administrator.get(f"{PAGE}progress/").content.decode()
    assert '<span class="big">1</span>' in fragment and "Dr. Osei" in fragment
    assert fragment.count('hx-swap-oob="true"') == 2
    send(administrator, stage, confirmed="yes")
    work()
    fragment = administrator.get(f"{PAGE}progress/").content.decode()
    assert "The backlog is empty." in fragment
    assert 'id="backlog-range" hx-swap-oob="delete"' in fragment


def test_a_customer_is_found_by_label_and_no_list_of_all_is_sent(stage: Stage, administrator: Client) -> None:
    unnamed = make_customer(stage.service)
    doctor = make_customer(stage.service)
    Customer.objects.filter(pk=doctor.pk).update(label="Dr. Oseira")
    for customer in (stage.customer, unnamed, doctor):
        add_backlog(customer, 4)
    assert "<option" in administrator.get(PAGE).content.decode()
    assert administrator.get(PAGE).content.decode().count("<option") == 1
    for text, expected in (
        ("dr. osei", "Import 1 exam"),
        ("oseira", "Import 1 exam"),
        (str(Customer.objects.get(pk=unnamed.pk)), "Import 1 exam"),
        ("Ose", "Several customers match: Dr. Osei, Dr. Oseira."),
        ("nobody", "No customer with this label has exams in the backlog."),
    ):
        page = send(administrator, stage, customer_label=text)
        assert expected in page.content.decode(), text
    send(administrator, stage, customer_label="dr. osei", confirmed="yes")
    assert BacklogImport.objects.get().customer == stage.customer


def test_an_import_is_stopped(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4)
    send(administrator, stage, confirmed="yes")
    row = BacklogImport.objects.get()
    administrator.post(f"{PAGE}{row.pk}/stop/")
    run(IMPORT, pk=row.pk)
    row.refresh_from_db()
    assert (row.is_stopped, states()) == (True, ["held"])
    assert Entry.objects.get(action="backlog.import_ended").outcome == "stopped"


def test_a_service_has_one_import_at_a_time(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4)
    send(administrator, stage, confirmed="yes")
    page = send(administrator, stage, confirmed="yes").content.decode()
    assert "is already running" in page
    assert BacklogImport.objects.count() == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"since": "2026-03-09", "until": "2026-03-01"}, "The first day is after the last one."),
        ({"since": "tomorrow"}, "Enter a valid date."),
        ({"customer": "999999"}, "This customer has no exams in the backlog any more."),
    ],
)
def test_an_invalid_range_is_rejected(
    stage: Stage, administrator: Client, data: dict[str, str], problem: str
) -> None:
    add_backlog(stage.customer, 4)
    answer = send(administrator, stage, confirmed="yes", **data)
    assert answer.status_code == 400 and problem in answer.content.decode()
    assert not BacklogImport.objects.exists()


@pytest.mark.parametrize("role", ["anonymous", "outsider", "clinician", "reviewer"])
def test_only_administrators_import(stage: Stage, role: str) -> None:
    add_backlog(stage.customer, 4)
    browser = stage.browser(role)
    assert browser.get(PAGE).status_code == 302
    assert browser.post(PAGE, {"service": stage.service.pk, "confirmed": "yes"}).status_code == 302
    assert not BacklogImport.objects.exists()


def test_the_first_and_the_last_possible_day_limit_nothing(stage: Stage, administrator: Client) -> None:
    add_backlog(stage.customer, 4)
    for zone in ("Asia/Tokyo", "America/Lima"):
        User.objects.update(timezone=zone)
        page = send(administrator, stage, since="0001-01-01", until="9999-12-31")
        assert "Import 1 exam" in page.content.decode()
