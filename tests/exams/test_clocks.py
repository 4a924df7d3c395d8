"""The portal's clock differs from the Cloud's: nothing is held for it, and administrators hear of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from exams.models import Submission
from foundation.checks import find_problems
from integrations.models import Service
from tests.cloud import CloudSubmission
from tests.exams.conftest import Portal

Submit = Callable[..., CloudSubmission]
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Set the portal's clock ahead by this time; the Cloud is another process."""
    real = timezone.now

    def set_ahead(by: timedelta) -> None:
        monkeypatch.setattr(timezone, "now", lambda: real() + by)

    return set_ahead


def _connect_now(portal: Portal) -> None:
    """Let the service be connected at this moment, by the portal's clock."""
    now = timezone.now()
    Service.objects.update(take=Service.Take.NEW, created_at=now, connected_at=None, clock_offset=None)
    portal.service.refresh_from_db()


def _problems() -> list[str]:
    return [each.sentence for each in find_problems() if each.code == "clock-differs"]


@pytest.mark.parametrize("is_corrected_before_the_exam", [False, True])
def test_a_service_connected_by_a_fast_clock_takes_what_was_submitted_since(
    portal: Portal,
    submit: Submit,
    set_clock: Callable[[timedelta], None],
    is_corrected_before_the_exam: bool,
) -> None:
    set_clock(TEN_MINUTES)
    _connect_now(portal)
    portal.poll()
    if is_corrected_before_the_exam:
        set_clock(timedelta())
    sent = submit(capture_count=1)
    portal.poll()
    assert portal.row(sent).state == Submission.State.RECEIVED


def test_a_service_connected_by_a_slow_clock_holds_what_was_submitted_before(
    portal: Portal, submit: Submit, set_clock: Callable[[timedelta], None]
) -> None:
    sent = submit(capture_count=1, submitted_at=(timezone.now() - timedelta(minutes=5)).isoformat())
    set_clock(-TEN_MINUTES)
    _connect_now(portal)
    portal.poll()
    assert portal.row(sent).hold_reason == Submission.Hold.BEFORE_START


@pytest.mark.parametrize(("ahead", "word"), [(TEN_MINUTES, "fast"), (-TEN_MINUTES, "slow")])
def test_a_clock_that_differs_is_a_problem_until_the_poll_finds_it_right(
    portal: Portal, set_clock: Callable[[timedelta], None], ahead: timedelta, word: str
) -> None:
    set_clock(ahead)
    portal.poll()
    (sentence,) = _problems()
    assert word in sentence
    set_clock(timedelta())
    portal.poll()
    assert _problems() == []
