"""Mail is written down as a row with the change it tells of, and sent by a worker."""

from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMessage, get_connection
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from audit.record import record
from background.backoff import next_attempt
from background.due import from_now
from background.jobs import schedule
from background.leases import MAX_ATTEMPTS, Lease, acquire, finish, holding, release
from background.models import OutgoingMail

SMTP_SECONDS = 30
DEADLINE_SECONDS = 120
_SUBJECT_LENGTH = 200
_PERMANENT = 500


def queue_mail(*, recipient: str, subject: str, body: str) -> OutgoingMail:
    """Write a mail down; inside a transaction it is sent only if that commits."""
    # A line break in a subject would begin another header.
    line = " ".join(subject.split())[:_SUBJECT_LENGTH]
    return OutgoingMail.objects.create(recipient=recipient, subject=line, body=body, not_before=from_now())


def send_queued_mail(*, pk: int) -> None:
    """Send one waiting mail, once; a refusal or a broken connection is tried again later."""
    lease = acquire(model=OutgoingMail, pk=pk)
    if lease is None:
        return
    mail = OutgoingMail.objects.get(pk=pk)
    if mail.state != OutgoingMail.State.QUEUED:
        finish(lease=lease)
        return
    if lease.attempt > MAX_ATTEMPTS:
        _fail(lease=lease, detail="too many attempts")
        return
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS):
            _hand_over(mail)
    except Exception as error:
        # The texts of mail errors carry addresses: only what kind of error it was may go further.
        _retry_or_fail(lease=lease, error=error)
    else:
        finish(
            lease=lease, state=OutgoingMail.State.SENT, sent_at=Now(), failure_reason="", failure_detail=""
        )


def resend_mail(*, pk: int, user: Any, address: str | None) -> bool:
    """Queue a failed mail again because a person wants it; False when it had not failed."""
    failed = OutgoingMail.objects.filter(pk=pk, state=OutgoingMail.State.FAILED)
    with transaction.atomic():
        is_queued = bool(failed.update(state=OutgoingMail.State.QUEUED))
        if is_queued:
            schedule(model=OutgoingMail, pk=pk)
        record(
            action="mail.resent",
            outcome="ok" if is_queued else "refused",
            actor=user,
            target=OutgoingMail(pk=pk),
            address=address,
        )
    return is_queued


def _hand_over(mail: OutgoingMail) -> None:
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT or SMTP_SECONDS)
    EmailMessage(mail.subject, mail.body, None, [mail.recipient], connection=connection).send()


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in error.recipients.values())
    return isinstance(error, (BadHeaderError, UnicodeError))


def _describe(error: Exception) -> str:
    name = type(error).__name__
    return f"{name} {error.smtp_code}" if isinstance(error, SMTPResponseException) else name


def _retry_or_fail(*, lease: Lease, error: Exception) -> None:
    if _is_permanent(error) or lease.attempt >= MAX_ATTEMPTS:
        _fail(lease=lease, detail=_describe(error))
        return
    release(
        lease=lease,
        not_before=next_attempt(now=timezone.now(), attempt=lease.attempt),
        failure_reason="The mail server did not take the mail; the portal tries again by itself.",
        failure_detail=_describe(error),
    )


def _fail(*, lease: Lease, detail: str) -> None:
    finish(
        lease=lease,
        state=OutgoingMail.State.FAILED,
        failure_reason="The mail could not be sent.",
        failure_detail=detail,
    )
