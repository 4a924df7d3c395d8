"""Failed, held and uncertain rows: listed by reason, and settled by actions that ask for confirmation."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from audit.models import Entry
from exams.models import Report, Submission
from exams.states import Failure
from foundation.checks import Group, find_problems
from tests.exams.cast import Stage, add_report, add_submission
from tests.exams.rows import make_submission
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)

PROBLEMS = "/problems/?of=exams"
Ask, Do = Callable[..., Any], Callable[..., str]


def fail(stage: Stage, reason: str = "The exam could not be fetched.") -> Submission:
    return make_submission(stage.customer, state="failed", failure_reason=reason)


def hold(stage: Stage, reason: str = "stopped") -> Submission:
    return make_submission(stage.customer, state="held", hold_reason=reason)


def groups(page: Any) -> dict[str, Group]:
    """The reasons of every problem of the page."""
    return {group.reason: group for problem, _ in page.context["problems"] for group in problem.groups}


def test_the_problems_of_exams_are_counted_by_reason_and_lead_to_exactly_those_rows(
    stage: Stage, administrator: Client
) -> None:
    fail(stage, "No room.")
    fail(stage, "No room.")
    other = fail(stage, "Too large.")
    hold(stage, "foreign_url")
    add_report(stage.submission, state="uncertain", failure_reason="It may have arrived.")
    answer = administrator.get(PROBLEMS)
    lines = groups(answer)
    assert {reason: line.count for reason, line in lines.items()} == {
        "No room.": 2,
        "Too large.": 1,
        "its download address is not the service's": 1,
        "It may have arrived.": 1,
    }
    listed = administrator.get(lines["Too large."].url).context["cl"].result_list
    assert [row.pk for row in listed] == [other.pk]


def test_running_and_stopped_submissions_are_not_problems(stage: Stage, administrator: Client) -> None:
    hold(stage, "unconfirmed")
    hold(stage, "stopped")
    add_submission(stage.customer, state="fetching")
    add_report(stage.submission, state="signed")
    answer = administrator.get(PROBLEMS)
    assert groups(answer) == {}
    # The page still lists them.
    lines = answer.context["unfinished"]
    assert sorted(line.reason for line in lines) == [
        "Being fetched.",
        "Waiting to be sent.",
        "not yet confirmed by the Cloud",
        "stopped by an administrator",
    ]
    for line in lines:
        assert administrator.get(line.url).context["cl"].result_count == line.count == 1


def test_one_reason_is_one_line_however_many_captures_arrived(stage: Stage, administrator: Client) -> None:
    for arrived in (1, 2):
        row = fail(stage, "incomplete")
        Submission.objects.filter(pk=row.pk).update(capture_count=3, stored_count=arrived)
    fail(stage, "no_room")
    lines = groups(administrator.get(PROBLEMS))
    counts = {str(Failure.INCOMPLETE.label): 2, str(Failure.NO_ROOM.label): 1}
    assert {reason: line.count for reason, line in lines.items()} == counts
    for reason, line in lines.items():
        assert administrator.get(line.url).context["cl"].result_count == counts[reason]


@pytest.mark.parametrize(
    ("role", "status"), [("anonymous", 302), ("reviewer", 404), ("clinician", 404), ("administrator", 200)]
)
def test_only_administrators_open_the_problems_of_exams(stage: Stage, role: str, status: int) -> None:
    assert stage.browser(role).get(PROBLEMS).status_code == status


def test_nothing_happens_before_the_confirmation(stage: Stage, ask: Ask) -> None:
    row = fail(stage)
    page = ask(Submission, "retry", [row])
    assert "Fetch again?" in page.content.decode() and str(row.request_uuid) in page.content.decode()
    row.refresh_from_db()
    assert row.state == "failed"


def test_a_retry_in_bulk_reports_and_audits_the_result_of_each(stage: Stage, do: Do) -> None:
    rows = [fail(stage), fail(stage), hold(stage)]
    message = "2 of 3 submissions are fetched again. Nothing was done to the others: 1 is held: stopped by an"
    assert message in do(Submission, "retry", rows)
    assert sorted(Submission.objects.filter(pk__in=[r.pk for r in rows]).values_list("state", flat=True)) == [
        "held",
        "received",
        "received",
    ]
    entry = Entry.objects.get(action="submission.retry")
    assert (entry.outcome, entry.identifiers["chosen"], entry.identifiers["done"]) == ("partly", "3", "2")
    assert Entry.objects.filter(action="submission.retried").count() == 2


def test_rows_left_unchanged_are_counted_by_reason_with_a_link_to_poll(stage: Stage, do: Do) -> None:
    rows = [hold(stage), hold(stage, "foreign_url"), stage.submission]
    rows += [hold(stage, "unlinked") for _ in range(3)]
    Submission.objects.filter(hold_reason="unlinked").update(customer=None)
    page = do(Submission, "resume", rows)
    assert "1 of 6 submissions were resumed. Nothing was done to the others: 3 are not yet listed" in page
    assert "1 is held: its download address is not the service&#x27;s" in page and "1 is ready" in page
    poll_page = f"/admin/integrations/service/{stage.service.pk}/change/"
    assert f'<a href="{poll_page}">Poll Echo reading now</a>' in page
    assert "Poll now<" in stage.browser("administrator").get(poll_page).content.decode()


def test_an_action_that_changes_nothing_is_audited_as_refused(stage: Stage, do: Do) -> None:
    do(Submission, "resume", [fail(stage)])
    assert Entry.objects.get(action="submission.resume").outcome == "refused"


def test_given_up_submissions_are_not_problems_and_can_be_retried(
    stage: Stage, do: Do, administrator: Client
) -> None:
    row = fail(stage)
    assert "1 of 1 submissions were given up" in do(Submission, "give_up", [row])
    assert groups(administrator.get(PROBLEMS)) == {}
    do(Submission, "retry", [row])
    row.refresh_from_db()
    assert (row.state, row.given_up_at) == ("received", None)


def test_giving_up_ends_the_fetching(stage: Stage, do: Do) -> None:
    row = make_submission(stage.customer, state="fetching", not_before="2030-01-01T00:00:00Z")
    do(Submission, "give_up", [row])
    row.refresh_from_db()
    assert (row.state, row.not_before) == ("failed", None)
    assert row.failure_reason == "given_up"


def test_a_ready_submission_is_not_given_up(stage: Stage, do: Do) -> None:
    assert "0 of 1" in do(Submission, "give_up", [stage.submission])
    stage.submission.refresh_from_db()
    assert stage.submission.state == "ready"


def test_sending_an_uncertain_report_again_warns_of_duplicates(stage: Stage, ask: Ask, do: Do) -> None:
    report = add_report(stage.submission, state="uncertain")
    assert "twice: look in Clarius Cloud first" in ask(Report, "send_again", [report]).content.decode()
    report.refresh_from_db()
    assert report.state == "uncertain"
    do(Report, "send_again", [report])
    report.refresh_from_db()
    assert (report.state, report.not_before is not None) == ("signed", True)
    assert Entry.objects.filter(action="report.sent_again", target_id=str(report.uuid)).exists()


def test_an_uncertain_report_is_marked_as_arrived(stage: Stage, do: Do) -> None:
    reports = [add_report(stage.submission, state="uncertain"), add_report(stage.submission, state="failed")]
    assert "1 of 2 reports count as delivered" in do(Report, "mark_arrived", reports)
    assert [Report.objects.get(pk=each.pk).state for each in reports] == ["delivered", "failed"]


@pytest.mark.parametrize(
    ("before", "after"), [("failed", "failed"), ("uncertain", "uncertain"), ("signed", "failed")]
)
def test_a_report_that_is_given_up_is_no_longer_sent(stage: Stage, do: Do, before: str, after: str) -> None:
    report = add_report(stage.submission, state=before)
    do(Report, "give_up", [report])
    report.refresh_from_db()
    assert (report.state, report.given_up_at is not None, report.not_before) == (after, True, None)
    assert "reports" not in {each.check.noun + "s" for each in find_problems()}


def test_selecting_everything_survives_the_confirmation_page(stage: Stage, ask: Ask, do: Do) -> None:
    rows = [fail(stage) for _ in range(3)]
    page = ask(Submission, "retry", rows[:1], select_across="1").content.decode()
    assert [f'name="_selected_action" value="{row.pk}"' in page for row in rows] == [True] * 3
    do(Submission, "retry", rows[:1], select_across="1")
    assert not Submission.objects.filter(state="failed").exists()


def test_one_step_takes_a_bounded_number(stage: Stage, do: Do, settings: Any) -> None:
    settings.BULK_LIMIT = 2
    rows = [fail(stage) for _ in range(3)]
    assert "One step takes at most 2. Repeat it for the rest." in do(Submission, "retry", rows)
    assert Submission.objects.filter(state="failed").count() == 1


def test_a_page_offers_the_actions_of_its_state(stage: Stage, administrator: Client) -> None:
    def offered(row: Any) -> list[str]:
        page = administrator.get(f"/admin/exams/{row._meta.model_name}/{row.pk}/change/")
        return [action.name for action in page.context["offers"]]

    assert offered(fail(stage)) == ["retry", "stop", "give_up"]
    assert offered(hold(stage)) == ["resume", "give_up"]
    assert offered(stage.submission) == ["stop"]
    page = administrator.get(f"/admin/exams/submission/{stage.submission.pk}/change/").content.decode()
    # A ready exam has nothing left to stop.
    assert ">Hold</button>" in page and ">Stop</button>" not in page
    assert offered(add_report(stage.submission, state="uncertain")) == [
        "mark_arrived",
        "send_again",
        "give_up",
    ]
    assert offered(add_report(stage.submission, state="delivered")) == []


def test_given_up_rows_need_no_attention(stage: Stage, do: Do, administrator: Client) -> None:
    row, report = fail(stage, "No room."), add_report(stage.submission, state="failed")
    before = {each.code for each in find_problems()}
    do(Submission, "give_up", [row])
    do(Report, "give_up", [report])
    gone = before - {each.code for each in find_problems()}
    assert gone == {"exams-failed", "reports-failed"}


@pytest.mark.parametrize("action", ["retry", "resume", "stop", "give_up"])
def test_an_action_on_submissions_needs_its_permission(stage: Stage, action: str) -> None:
    _has_no_effect(stage, Submission, action, [fail(stage), hold(stage), stage.submission])


@pytest.mark.parametrize("action", ["send_again", "mark_arrived", "give_up"])
def test_an_action_on_reports_needs_its_permission(stage: Stage, action: str) -> None:
    _has_no_effect(stage, Report, action, [add_report(stage.submission, state="uncertain")])


def _has_no_effect(stage: Stage, model: Any, action: str, rows: list[Any]) -> None:
    onlooker = make_person("onlooker", is_staff=True)
    name = model._meta.model_name
    onlooker.user_permissions.add(Permission.objects.get(codename=f"view_{name}"))
    before = list(model.objects.order_by("pk").values("pk", "state", "given_up_at"))
    data = {"action": action, "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    for browser in (logged_in(onlooker), stage.browser("reviewer"), Client()):
        browser.post(f"/admin/exams/{name}/", data)
    assert list(model.objects.order_by("pk").values("pk", "state", "given_up_at")) == before
