"""Claims: a reviewer takes, returns or takes over a submission, so that only one person reports on it."""

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.mail import queue_mail
from exams.models import Submission
from exams.permissions import can_review


class ClaimRefused(Exception):
    """The claim could not be made or returned; the message is for the reader."""


def claim_submission(*, submission: Submission, user: User, address: str | None) -> None:
    """Claim the submission for `user`; raises ClaimRefused if a colleague has it or `user` may not review."""
    _require_reviewer(user, submission)
    with transaction.atomic():
        take_claim(submission=submission, user=user, address=address)


def take_claim(*, submission: Submission, user: User, address: str | None) -> None:
    """Set the claim if it is free, inside a transaction of the caller; raises ClaimRefused."""
    rows = Submission.objects.filter(pk=submission.pk)
    if rows.filter(claimed_by=None).update(claimed_by=user, claimed_at=timezone.now()):
        add_entry(action="submission.claimed", actor=user, target=submission, address=address)
        return
    # This account has the claim already. The row stays locked until the caller's transaction ends.
    if rows.filter(claimed_by=user).update(claimed_by=user):
        return
    raise ClaimRefused(_taken(submission))


def take_over_claim(*, submission: Submission, user: User, holder: int, address: str | None) -> None:
    """Move the claim of the account with the key `holder` to `user`; mail the holder if they still review.

    Raises ClaimRefused when someone else has the claim by now, or `user` may not review.
    """
    _require_reviewer(user, submission)
    with transaction.atomic():
        rows = Submission.objects.filter(pk=submission.pk, claimed_by=holder).exclude(claimed_by=user)
        if not rows.update(claimed_by=user, claimed_at=timezone.now()):
            # The holder returned it meanwhile, or a third person has it, whom the page did not name.
            take_claim(submission=submission, user=user, address=address)
            return
        before = User.objects.get(pk=holder)
        add_entry(
            action="submission.taken_over",
            actor=user,
            target=submission,
            address=address,
            held_by=str(before.pk),
        )
        if not can_review(before, submission):
            return
        queue_mail(
            recipient=before.email,
            subject="A colleague took over an exam that you claimed",
            body=(
                f"{user.display_name} has taken over an exam that you had claimed.\n"
                "You can no longer sign a report on it.\n"
                f"Open the exam: {settings.PUBLIC_URL}/exams/{submission.uuid}/\n"
            ),
        )


def return_claim(*, submission: Submission, user: User, address: str | None) -> None:
    """Return the claim; raises ClaimRefused if a colleague has it."""
    with transaction.atomic():
        rows = Submission.objects.filter(pk=submission.pk)
        if rows.filter(claimed_by=user).update(claimed_by=None, claimed_at=None):
            add_entry(action="submission.returned", actor=user, target=submission, address=address)
            return
    if rows.filter(~Q(claimed_by=None)).exists():
        raise ClaimRefused(_taken(submission))


def _require_reviewer(user: User, submission: Submission) -> None:
    if not can_review(user, submission):
        raise ClaimRefused("Your account does not have review access to this service.")


def _taken(submission: Submission) -> str:
    holder = User.objects.filter(claims=submission.pk).first()
    name = holder.display_name if holder else "Someone else"
    return f"{name} has claimed this exam. Ask them to return it, or take it over on the exam page."
