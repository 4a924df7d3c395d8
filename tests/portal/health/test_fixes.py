"""One click fixes what a click can fix; every link leads to exactly the rows that are counted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from exams.models import Report, Submission
from exams.services.intake.polling import POLL
from foundation.checks import Finding, find_problems
from integrations.models import Customer, Link, NotificationRecord, Service, Sync
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.sync import read_now
from tests.exams.cast import ROLES, Stage, add_report
from tests.exams.rows import make_submission
from tests.people import logged_in, make_person, proven
from tests.portal.health.trouble import DAYS_AGO, LONG_AGO, TROUBLE

pytestmark = pytest.mark.django_db

# With these fixes nothing can be lost, delivered twice or shown to more people.
AT_ONCE = {
    "service-paused",
    "poll-overdue",
    "full-poll-overdue",
    "notifications-missed",
    "customers-sync-failed",
    "customers-missing",
    "mail-failed",
    "notifications-unconfirmed",
    "exams-failed",
    "exams-incomplete",
    "reports-failed",
}
ASKED_FIRST = {"exams-held-unlinked", "reports-uncertain"}
GIVEN_UP = {"given_up_at": timezone.now()}
OLD = timezone.now() - LONG_AGO
Rows = Callable[[Stage], Any]


def _exam(**fields: Any) -> Rows:
    return lambda stage: make_submission(stage.customer, **fields)


def _report(**fields: Any) -> Rows:
    return lambda stage: add_report(stage.submission, **fields)


def _record(outcome: str, age: timedelta, **fields: Any) -> Rows:
    at = timezone.now() - age
    times = {"logged_at": at, "sent_at": at, "read_at": at}
    return lambda stage: NotificationRecord.objects.create(
        service=stage.service, fingerprint=f"{outcome}{age}", outcome=outcome, url="u", **times, **fields
    )


def _mail(state: str, age: timedelta) -> Rows:
    at = timezone.now() - age
    return lambda _: OutgoingMail.objects.create(
        recipient="b@example.test", subject="s", body="b", state=state, created_at=at
    )


def _customer(digit: str, missed: int) -> Rows:
    def make(stage: Stage) -> Any:
        customer = Customer.objects.create(
            service=stage.service, token=digit * 43, token_digest=digit * 64, missed_sync_count=missed
        )
        return Link.objects.create(customer=customer, user=stage.people["outsider"], state="confirmed")

    return make


HELD = {"state": "held"}
FOREIGN_UUID = "00000000-0000-4000-8000-0000000000bb"
# For each problem: another row of the same kind, and rows that only look like it.
MORE: dict[str, list[Rows]] = {
    "exams-held-unlinked": [
        _exam(**HELD, hold_reason="unlinked"),
        _exam(**HELD, hold_reason="unlinked", **GIVEN_UP),
        _exam(**HELD, hold_reason="stopped"),
    ],
    "exams-held-backlog": [
        _exam(**HELD, hold_reason="before_start"),
        _exam(**HELD, hold_reason="stopped"),
    ],
    "exams-held-foreign-url": [
        _exam(**HELD, hold_reason="foreign_url"),
        _exam(**HELD, hold_reason="foreign_url", **GIVEN_UP),
    ],
    "notifications-held-not-listed": [
        _exam(**HELD, hold_reason="not_listed"),
        _exam(**HELD, hold_reason="stopped"),
    ],
    "notifications-unconfirmed": [
        _exam(**HELD, hold_reason="unconfirmed", received_at=OLD),
        _exam(**HELD, hold_reason="unconfirmed"),
    ],
    "exams-failed": [_exam(state="failed"), _exam(state="failed", **GIVEN_UP), _exam(state="ready")],
    "exams-incomplete": [_exam(state="failed", stored_count=2), _exam(state="ready", stored_count=2)],
    "exams-slow": [
        _exam(state="fetching", received_at=OLD - DAYS_AGO, first_tried_at=OLD - DAYS_AGO),
        # Due again just now, or given up.
        _exam(state="received", received_at=OLD - DAYS_AGO, not_before=timezone.now()),
        _exam(state="received", received_at=OLD - DAYS_AGO, **GIVEN_UP),
        _exam(state="received"),
        _exam(state="ready", received_at=OLD - DAYS_AGO),
    ],
    "reports-slow": [
        _report(state="signed", not_before=OLD - DAYS_AGO),
        _report(state="signed", signed_at=OLD - DAYS_AGO, not_before=timezone.now()),
        _report(state="signed"),
    ],
    "reports-failed": [_report(state="failed"), _report(state="failed", **GIVEN_UP), _report(state="signed")],
    "reports-uncertain": [_report(state="uncertain"), _report(state="uncertain", **GIVEN_UP)],
    "notifications-failed": [_record("failed", timedelta(hours=1)), _record("failed", timedelta(days=5))],
    "notifications-missed": [
        _record("answered", timedelta(minutes=1), request_uuid=FOREIGN_UUID),
        _record("answered", timedelta(hours=2), request_uuid=FOREIGN_UUID),
    ],
    "mail-failed": [_mail("failed", timedelta(days=1)), _mail("failed", timedelta(days=9))],
    "customers-missing": [_customer("a", 1), _customer("b", 0)],
}


def _problem(name: str) -> Finding:
    (found,) = [each for each in find_problems() if each.code == name]
    return found


def _click(browser: Client, problem: Finding, **data: Any) -> Any:
    return browser.post(f"/problems/{problem.key}/fix/", data, follow=True)


def _states(model: Any) -> dict[int, str]:
    return dict(model.objects.values_list("pk", "state"))


def _columns(model: Any) -> list[dict[str, Any]]:
    """Return all columns except encrypted ones, whose text differs each time."""
    names = [each.attname for each in model._meta.fields if "secret" not in each.name]
    return list(model.objects.order_by("pk").values(*names))


@pytest.mark.parametrize("name", TROUBLE)
def test_the_link_leads_to_as_many_rows_as_are_counted(name: str, stage: Stage) -> None:
    TROUBLE[name](stage)
    for add in MORE.get(name, []):
        add(stage)
    problem = _problem(name)
    assert problem.count == (
        2 if name in MORE else 0 if problem.check.noun == "process" and not problem.oldest else 1
    )
    answer = stage.browser("administrator").get(problem.url)
    if name.startswith(("exams", "report", "notifications", "mail", "worker", "beat", "customers-missing")):
        shown = answer.context["total"] if "total" in answer.context else answer.context["cl"].result_count
        assert shown == problem.count


def test_the_link_of_a_full_disk_lists_the_waiting_exams(stage: Stage, settings: Any) -> None:
    settings.MIN_FREE_MB = 10**9
    make_submission(stage.customer, state="received")
    (problem,) = find_problems()
    listed = stage.browser("administrator").get(problem.url).context["cl"].result_count
    assert problem.count == listed == 1


@pytest.mark.parametrize("name", TROUBLE)
def test_what_a_click_can_fix_has_a_button_and_the_rest_a_link(name: str, stage: Stage) -> None:
    TROUBLE[name](stage)
    page = stage.browser("administrator").get("/problems/").content.decode()
    listed = page.partition('<ul class="problems')[2].partition("</ul>")[0]
    assert listed.count("<button") + listed.count("<a ") == 1
    assert ("<button" in listed) == (name in AT_ONCE | ASKED_FIRST)


@pytest.mark.parametrize("name", ["exams-failed", "exams-incomplete", "reports-failed", "mail-failed"])
def test_one_click_fixes_all_rows_and_shows_the_count(name: str, stage: Stage) -> None:
    TROUBLE[name](stage)
    for add in MORE[name]:
        add(stage)
    problem = _problem(name)
    wanted = set(problem.fix.rows.values_list("pk", flat=True)) if problem.fix else set()
    model = problem.fix.rows.model if problem.fix else Submission
    before = _states(model)
    answer = _click(stage.browser("administrator"), problem)
    assert answer.redirect_chain == [("/problems/", 302)]
    assert "2 of 2" in answer.content.decode()
    changed = {pk for pk, state in _states(model).items() if state != before[pk]}
    assert changed == wanted
    assert not model.objects.filter(pk__in=wanted, not_before=None).exists()
    assert name not in [each.code for each in find_problems()]
    entry = Entry.objects.get(action=f"{model._meta.model_name}.{problem.fix.actions[0].name}")
    assert (entry.outcome, entry.identifiers) == ("ok", {"chosen": "2", "done": "2"})
    assert entry.actor_id == str(stage.people["administrator"].pk)


@pytest.mark.parametrize(
    "name",
    [
        "poll-overdue",
        "full-poll-overdue",
        "notifications-unconfirmed",
        "notifications-missed",
        "customers-sync-failed",
        "customers-missing",
    ],
)
def test_one_click_makes_the_portal_ask_the_cloud_again(name: str, stage: Stage) -> None:
    far = timezone.now() + timedelta(days=1)
    Service.objects.update(not_before=far, full_poll_due_at=far)
    TROUBLE[name](stage)
    Sync.objects.update(not_before=far)
    said = "confirmed with Clarius Cloud" if name == "customers-missing" else "as soon as a worker is free"
    assert said in _click(stage.browser("administrator"), _problem(name)).content.decode()
    if name == "customers-sync-failed":
        assert Sync.objects.get(kind="customers").not_before <= timezone.now()
        return
    if name == "customers-missing":
        assert Link.objects.get(customer=stage.customer).not_before <= timezone.now()
        return
    service = Service.objects.get()
    assert service.not_before is not None and service.not_before <= timezone.now()
    assert (service.full_poll_due_at < far) == (name != "poll-overdue")


@pytest.mark.django_db(transaction=True)
def test_a_worker_then_solves_the_problem(cloud_service: Service, stage_of_cloud: Stage) -> None:
    browser = stage_of_cloud.browser("administrator")
    Service.objects.update(polled_at=OLD, full_polled_at=OLD, created_at=OLD)
    sync = Sync.objects.get_or_create(service=cloud_service, kind="customers")[0]
    Sync.objects.filter(pk=sync.pk).update(problem="The list was empty.", problem_at=OLD)
    TROUBLE["notifications-missed"](stage_of_cloud)
    NotificationRecord.objects.update(sent_at=timezone.now() - timedelta(minutes=1))
    names = {"poll-overdue", "notifications-missed", "customers-sync-failed"}
    assert names <= {each.code for each in find_problems()}
    for name in names:
        _click(browser, _problem(name))
    assert run(POLL, pk=cloud_service.pk) is not None
    read_now(service=cloud_service, kind="customers")
    assert not names & {each.code for each in find_problems()}


def test_a_customer_that_the_cloud_confirms_after_all_is_no_longer_a_problem(
    cloud_service: Service, stage_of_cloud: Stage
) -> None:
    TROUBLE["customers-missing"](stage_of_cloud)
    _click(stage_of_cloud.browser("administrator"), _problem("customers-missing"))
    run(CONFIRM, pk=Link.objects.get(customer=stage_of_cloud.customer).pk)
    assert "customers-missing" not in [each.code for each in find_problems()]


def test_uncertain_reports_are_decided_one_by_one_after_a_warning(stage: Stage) -> None:
    here, again, kept = [add_report(stage.submission, state="uncertain") for _ in range(3)]
    browser, problem = stage.browser("administrator"), _problem("reports-uncertain")
    page = _click(browser, problem).content.decode()
    assert "twice: look in Clarius Cloud first" in page and page.count("signed <time") == 3
    assert "Select at least one row." in _click(browser, problem, action="send_again").content.decode()
    assert set(_states(Report).values()) == {"uncertain"}
    assert (
        "1 of 1 reports count as delivered"
        in _click(browser, problem, action="mark_arrived", row=[here.pk]).content.decode()
    )
    _click(browser, problem, action="send_again", row=[again.pk])
    assert _states(Report) == {here.pk: "delivered", again.pk: "signed", kept.pk: "uncertain"}


def test_only_rows_of_the_problem_are_touched(stage: Stage) -> None:
    add_report(stage.submission, state="uncertain")
    other = add_report(stage.submission, state="failed")
    browser, problem = stage.browser("administrator"), _problem("reports-uncertain")
    for row in (str(other.pk), "x", "9" * 30, "²"):
        _click(browser, problem, action="send_again", row=[row])
    assert sorted(_states(Report).values()) == ["failed", "uncertain"]


def test_unlinked_exams_are_resumed_after_a_page_that_names_who_will_see_them(stage: Stage) -> None:
    TROUBLE["exams-held-unlinked"](stage)
    browser, problem = stage.browser("administrator"), _problem("exams-held-unlinked")
    assert "shown to the reviewers" in _click(browser, problem).content.decode()
    assert set(_states(Submission).values()) == {"held"}
    assert "1 of 1 submissions were resumed" in _click(browser, problem, action="resume").content.decode()
    assert set(_states(Submission).values()) == {"received"}


def test_an_action_that_is_not_offered_is_not_done(stage: Stage) -> None:
    TROUBLE["exams-held-unlinked"](stage)
    _click(stage.browser("administrator"), _problem("exams-held-unlinked"), action="give_up")
    assert Submission.objects.filter(given_up_at=None, state="held").exists()


def test_a_problem_that_was_fixed_meanwhile_is_not_fixed_again(stage: Stage) -> None:
    TROUBLE["exams-failed"](stage)
    browser, problem = stage.browser("administrator"), _problem("exams-failed")
    _click(browser, problem)
    assert "This problem no longer exists." in _click(browser, problem).content.decode()
    assert Entry.objects.filter(action="submission.retry").count() == 1


@pytest.mark.parametrize("name", sorted(AT_ONCE | ASKED_FIRST))
def test_a_click_needs_the_permission_of_what_it_does(name: str, stage: Stage) -> None:
    TROUBLE[name](stage)
    onlooker = make_person("onlooker", is_staff=True)
    # This account can view everything and change nothing.
    onlooker.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    problem = _problem(name)
    model = problem.fix.rows.model if problem.fix else Submission
    before = _columns(model)
    browsers = [stage.browser(role) for role in ROLES if not role.startswith("administrator")]
    chosen = {
        "action": problem.fix.actions[-1].name if problem.fix else "",
        "row": [row["id"] for row in before],
    }
    for browser in (proven(onlooker), *browsers):
        answer = browser.post(f"/problems/{problem.key}/fix/", chosen)
        assert answer.status_code in (302, 403, 404)
        assert answer.status_code != 302 or "/accounts/login/" in answer.headers["Location"]
    assert _columns(model) == before
    page = logged_in(onlooker).get("/problems/").content.decode()
    assert problem.check.link in page and "/fix/" not in page


def test_a_paused_service_shows_since_when_and_is_resumed_by_one_click(stage: Stage) -> None:
    TROUBLE["service-paused"](stage)
    problem = _problem("service-paused")
    assert problem.text.startswith("Echo reading: Paused")
    assert problem.oldest == Entry.objects.get(action="service.paused").at
    browser = proven(stage.people["administrator"])
    assert "Resume<" in browser.get("/problems/").content.decode()
    assert "1 of 1 services were resumed" in _click(browser, problem).content.decode()
    assert Service.objects.get().is_active


@pytest.mark.parametrize("name", TROUBLE)
def test_a_problem_is_shown_only_to_those_who_may_open_its_page(name: str, stage: Stage) -> None:
    TROUBLE[name](stage)
    problem = _problem(name)
    bare = make_person("bare", is_staff=True)
    page = logged_in(bare).get("/problems/").content.decode()
    # The alarm of a refused key is shown above every page to every administrator.
    assert problem.text not in page.partition("<main")[2] and "nav-count" not in page
    assert proven(bare).post(f"/problems/{problem.key}/fix/").url == "/problems/"
    app, codename = problem.check.permission.split(".")
    needed = [codename, "view_service"] if codename == "manage_service" else [codename]
    bare.user_permissions.add(*Permission.objects.filter(codename__in=needed, content_type__app_label=app))
    browser = logged_in(bare)
    page = browser.get("/problems/").content.decode()
    assert "nav-count" in page and problem.check.link in page
    assert browser.get(problem.url).status_code in (200, 302)


def test_a_get_request_fixes_nothing(stage: Stage) -> None:
    TROUBLE["exams-failed"](stage)
    assert stage.browser("administrator").get("/problems/failed/fix/").status_code == 405


def test_a_problem_without_a_fix_cannot_be_clicked(stage: Stage) -> None:
    TROUBLE["api-key-refused"](stage)
    answer = stage.browser("administrator").post(f"/problems/{_problem('api-key-refused').key}/fix/")
    assert answer.status_code == 403
