"""One page says what needs an administrator; its count is in the navigation, and a mail tells it daily."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from background.models import Heartbeat, OutgoingMail
from exams.models import Report, Submission
from integrations.models import ApiKey, KeyRotation, Mirror, NotificationRecord, RemoteState, Service
from portal.attention.digest import next_time
from portal.attention.finding import list_problems
from portal.models import Digest
from portal.tasks import send_digest
from tests.exams.cast import ROLES, Stage, add_report, make_stage

PAGE = "/attention/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_count() -> None:
    cache.clear()


@pytest.fixture
def stage(db: None, settings: Any) -> Stage:
    """A portal in which all is well."""
    settings.MIN_FREE_MB = 0
    stage = make_stage()
    now = timezone.now()
    Service.objects.update(polled_at=now, full_polled_at=now, is_registered=True)
    if not ApiKey.objects.exists():
        ApiKey.objects.create(service=stage.service, prefix="abcdefgh", secret="x", is_in_use=True)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="here", pid=7, seen_at=now)
    return stage


def _names() -> list[str]:
    return [each.name for each in list_problems()]


def _rows(**changes: Any) -> None:
    Submission.objects.update(**changes)


def _silence(stage: Stage) -> None:
    _rows(notified_at=None, submitted_at=timezone.now(), received_at=timezone.now())
    row = Submission.objects.get()
    Service.objects.update(created_at=timezone.now() - timedelta(hours=1))
    for number in range(2):
        Submission.objects.create(
            service=row.service,
            customer=row.customer,
            request_uuid=f"00000000-0000-4000-8000-00000000000{number}",
            state="ready",
            submitted_at=timezone.now(),
            received_at=timezone.now(),
        )


def _rotation(stage: Stage) -> None:
    KeyRotation.objects.create(service=stage.service, name="n", cause="person", step="failed")


def _drift(stage: Stage) -> None:
    RemoteState.objects.create(service=stage.service, drifted_at=timezone.now())


def _record(stage: Stage) -> None:
    now = timezone.now()
    NotificationRecord.objects.create(
        service=stage.service,
        fingerprint="f",
        logged_at=now,
        sent_at=now,
        read_at=now,
        outcome="failed",
        url="u",
    )


def _mail(stage: Stage) -> None:
    OutgoingMail.objects.create(recipient="a@example.test", subject="s", body="b", state="failed")


def _mirror(stage: Stage) -> None:
    Mirror.objects.filter(service=stage.service, kind="customers").delete()
    Mirror.objects.create(
        service=stage.service, kind="customers", problem="The list was empty.", problem_at=timezone.now()
    )


LONG_AGO = timedelta(hours=5)
TROUBLE: dict[str, Callable[[Stage], Any]] = {
    "key_refused": lambda _: Service.objects.update(circuit_opened_at=timezone.now()),
    "key_missing": lambda _: ApiKey.objects.update(is_in_use=False),
    "rotation_failed": _rotation,
    "settings_drifted": _drift,
    "not_registered": lambda _: Service.objects.update(is_registered=False),
    "poll_overdue": lambda _: Service.objects.update(polled_at=timezone.now() - LONG_AGO),
    "webhook_silent": _silence,
    "records_failed": _record,
    "mirror_customers": _mirror,
    "worker_silent": lambda _: Heartbeat.objects.filter(name="worker").delete(),
    "beat_silent": lambda _: Heartbeat.objects.filter(name="beat").update(seen_at=timezone.now() - LONG_AGO),
    "mail_failed": _mail,
    "held_unlinked": lambda _: _rows(state="held", hold_reason="unlinked"),
    "held_before_start": lambda _: _rows(state="held", hold_reason="before_start"),
    "held_foreign_url": lambda _: _rows(state="held", hold_reason="foreign_url"),
    "held_not_listed": lambda _: _rows(state="held", hold_reason="not_listed"),
    "held_unconfirmed": lambda _: _rows(
        state="held", hold_reason="unconfirmed", received_at=timezone.now() - LONG_AGO
    ),
    "failed": lambda _: _rows(state="failed", stored_count=0),
    "incomplete": lambda _: _rows(state="failed", stored_count=1),
    "report_failed": lambda stage: add_report(stage.submission, state=Report.State.FAILED),
    "report_uncertain": lambda stage: add_report(stage.submission, state=Report.State.UNCERTAIN),
}


def test_a_portal_that_works_needs_nobody(stage: Stage) -> None:
    page = stage.browser("administrator").get(PAGE).content.decode()
    assert "Nothing needs you." in page
    assert re.search(r"Last full poll .*worker alive \d+ s ago", page, re.DOTALL)


@pytest.mark.parametrize("name", TROUBLE)
def test_each_trouble_is_a_sentence_with_one_button(name: str, stage: Stage) -> None:
    assert _names() == []
    TROUBLE[name](stage)
    assert _names() == [name]
    (problem,) = list_problems()
    browser = stage.browser("administrator")
    page = browser.get(PAGE).content.decode()
    assert problem.button in page
    assert problem.sentence.endswith((".", "!")) or problem.sentence.endswith(" ")
    # The button leads somewhere that this administrator may open; keys and settings ask who it is.
    assert browser.get(problem.url).status_code in (200, 302)
    assert Client().get(problem.url).status_code == 302


def test_a_disk_that_fills_up_is_told_before_and_after(stage: Stage, settings: Any) -> None:
    settings.MIN_FREE_MB = 10**9
    (problem,) = list_problems()
    assert (problem.name, problem.tone) == ("disk", "bad")
    assert "no file is fetched" in problem.sentence


def test_what_a_person_stopped_is_no_problem(stage: Stage) -> None:
    _rows(state="held", hold_reason="stopped")
    assert _names() == []


def test_one_notification_ends_the_silence(stage: Stage) -> None:
    _silence(stage)
    newest = Submission.objects.order_by("-received_at").first()
    Submission.objects.filter(pk=newest.pk).update(notified_at=timezone.now())
    assert _names() == []


def test_only_administrators_open_the_page(stage: Stage) -> None:
    statuses = {role: stage.browser(role).get(PAGE).status_code for role in ROLES}
    allowed = {"administrator": 200, "administrator with content": 200, "anonymous": 302}
    assert statuses == {role: allowed.get(role, 404) for role in ROLES}


def test_the_navigation_shows_how_many_to_administrators(stage: Stage) -> None:
    TROUBLE["failed"](stage)
    for role in ROLES:
        page = stage.browser(role).get("/").content.decode()
        assert ("nav-count" in page) == role.startswith("administrator")


def test_a_refused_key_is_announced_on_every_page_of_an_administrator(stage: Stage) -> None:
    TROUBLE["key_refused"](stage)
    for role in ROLES:
        page = stage.browser(role).get("/").content.decode()
        assert ("refuses every API key of" in page.partition("<main")[0]) == role.startswith("administrator")


def _morning() -> Digest:
    Digest.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    digest = Digest.objects.get()
    send_digest(digest.pk)
    return Digest.objects.get()


def test_the_daily_mail_tells_every_problem_and_comes_again_tomorrow(stage: Stage) -> None:
    TROUBLE["failed"](stage)
    TROUBLE["key_refused"](stage)
    done = _morning()
    mail = OutgoingMail.objects.filter(subject="2 things need you").first()
    assert mail is not None
    for problem in list_problems():
        assert problem.sentence in mail.body
    assert done.not_before > timezone.now()
    send_digest(done.pk)
    assert set(OutgoingMail.objects.values_list("subject", flat=True)) == {"2 things need you"}


def test_no_mail_comes_when_nothing_needs_anybody(stage: Stage) -> None:
    assert _morning().done_at is not None
    assert not OutgoingMail.objects.exists()


def test_the_mail_is_due_at_the_same_hour_every_day() -> None:
    now = timezone.now().replace(hour=6, minute=0, second=0, microsecond=0)
    assert next_time(now=now) == now + timedelta(days=1)
    assert next_time(now=now - timedelta(seconds=1)) == now
