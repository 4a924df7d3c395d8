"""Outgoing mail: stored in the transaction of the change it reports, then sent by a worker."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMessage, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audit.entries import add_entry
from background.backoff import Backoff
from background.due import from_now, schedule
from background.leases import Hold
from background.models import OutgoingMail
from background.runner import Done, Job, Later, Outcome
from foundation.crypto import CannotDecrypt, lookup_digest

State = OutgoingMail.State
# How long a mail server may take to answer where EMAIL_TIMEOUT is not set.
SMTP_SECONDS = 30
# The length of the column.
_SUBJECT_LENGTH = 200
# SMTP codes from here on mean that trying again is useless.
_PERMANENT = 500
NOT_READABLE = (
    "The mail cannot be decrypted. Put the key that encrypted it back into FIELD_ENCRYPTION_KEYS, "
    "then send the mail again."
)
NOT_TAKEN = "The mail server did not accept the mail. The portal tries again automatically."


def queue_mail(*, recipient: str, subject: str, body: str) -> OutgoingMail:
    """Store a mail to be sent. Inside a transaction it is sent only if that commits."""
    # A line break in a subject would start another header.
    line = " ".join(subject.split())[:_SUBJECT_LENGTH]
    return OutgoingMail.objects.create(
        recipient=recipient,
        recipient_digest=lookup_digest(recipient.lower()),
        subject=line,
        body=body,
        not_before=from_now(),
    )


def _send(mail: OutgoingMail, hold: Hold) -> Outcome:
    """Send one queued mail and clear its text; errors that may pass are tried again later."""
    try:
        connection = get_connection(timeout=settings.EMAIL_TIMEOUT or SMTP_SECONDS)
        EmailMessage(mail.subject, mail.body, None, [mail.recipient], connection=connection).send()
    except CannotDecrypt as error:
        return Done(_failed(NOT_READABLE, _describe(error)))
    except Exception as error:
        # The texts of mail errors contain addresses, so only the kind of error is kept.
        detail = _describe(error)
        later = Later(Backoff(), counts=True, changes={"failure_reason": NOT_TAKEN, "failure_detail": detail})
        return _give_up(mail, hold, later) if _is_permanent(error) else later
    return Done(
        {"state": State.SENT, "sent_at": Now(), "body": "", "failure_reason": "", "failure_detail": ""}
    )


def _give_up(mail: OutgoingMail, hold: Hold, last: Later | None) -> Done:
    detail = "too many attempts" if last is None else last.changes["failure_detail"]
    return Done(_failed("The mail could not be sent.", detail))


def _failed(reason: str, detail: str) -> dict[str, Any]:
    return {"state": State.FAILED, "failure_reason": reason, "failure_detail": detail}


def resend_mail(*, pk: int, user: Any, address: str | None) -> bool:
    """Queue a failed mail again for a person; False if it had not failed."""
    failed = OutgoingMail.objects.filter(pk=pk, state=State.FAILED)
    with transaction.atomic():
        is_queued = bool(failed.update(state=State.QUEUED))
        if is_queued:
            schedule(OutgoingMail.objects.filter(pk=pk))
        add_entry(
            action="mail.resent",
            outcome="ok" if is_queued else "refused",
            actor=user,
            target=OutgoingMail(pk=pk),
            address=address,
        )
    return is_queued


def resend_chosen(*, queryset: QuerySet[OutgoingMail], user: Any, address: str | None) -> int:
    """Queue the failed mails of the queryset again; return how many."""
    chosen = list(queryset.values_list("pk", flat=True))
    return sum(resend_mail(pk=pk, user=user, address=address) for pk in chosen)


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in error.recipients.values())
    return isinstance(error, (BadHeaderError, UnicodeError))


def _describe(error: Exception) -> str:
    name = type(error).__name__
    return f"{name} {error.smtp_code}" if isinstance(error, SMTPResponseException) else name


SEND = Job(
    name="background.send_mail",
    model=OutgoingMail,
    work=_send,
    # Twice as long as a mail server may take to answer.
    deadline=timedelta(minutes=2),
    applies=lambda mail: mail.state == State.QUEUED,
    exhausted=_give_up,
    is_urgent=True,
)
