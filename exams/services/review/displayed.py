"""Which captures were displayed to a reviewer."""

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from exams.models import Capture, CaptureSeen, Submission


def record_displayed(*, capture: Capture, user: User) -> None:
    """Store that the viewer displayed the capture to `user`; again changes the time only."""
    CaptureSeen.objects.bulk_create(
        [CaptureSeen(user=user, capture=capture, seen_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["user", "capture"],
        update_fields=["seen_at"],
    )


def list_undisplayed(*, submission: Submission, user: User) -> list[Capture]:
    """Return the captures that the viewer can show and never displayed to `user` as they are stored now."""
    rows = Capture.objects.stored().filter(submission=submission).order_by("position")
    # A capture that was damaged and fetched again may be another picture.
    seen = CaptureSeen.objects.filter(
        user=user, capture__submission=submission, seen_at__gte=F("capture__stored_at")
    )
    return [each for each in rows.exclude(pk__in=seen.values("capture")) if each.is_displayable]
