"""Notify people when an exam changes after a report on it was signed."""

import hashlib
import json

from django.conf import settings

from audit.entries import add_entry
from background.mail import queue_mail
from exams.models import Report, Submission
from exams.services.reports.signing import describe_basis
from integrations.models import Link

SUBJECT = "An exam has changed since its report was signed"
BODY = (
    "Captures or patient data of an exam have changed since the report on it was signed. "
    "Check whether the report still applies. If it does not, a reviewer can correct it.\n"
)


def basis_digest(submission: Submission) -> str:
    """Return a digest of what a report on the submission is written on."""
    text = json.dumps(describe_basis(submission), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def notify_of_changes(*, submission: int) -> None:
    """Notify signers and clinicians once of each change since signing; call it inside a transaction."""
    signed = Report.objects.signed().filter(submission=submission, signed_stored_count__isnull=False)
    current = signed.exclude(replaced_by__signed_at__isnull=False)
    if not current.exists():
        return
    row = Submission.objects.without_data().get(pk=submission)
    digest = basis_digest(row)
    for report in current.exclude(told_digest=digest).select_related("signed_by", "author"):
        if not Report.objects.filter(pk=report.pk).exclude(told_digest=digest).update(told_digest=digest):
            continue
        for recipient in _recipients(report, row):
            where = f"{settings.PUBLIC_URL}/reports/{report.uuid}/"
            queue_mail(recipient=recipient, subject=SUBJECT, body=f"{BODY}Read the report: {where}\n")
        add_entry(action="report.exam_changed", target=report, submission=str(row.uuid))


def _recipients(report: Report, submission: Submission) -> list[str]:
    links = Link.objects.filter(customer=submission.customer_id, state=Link.State.CONFIRMED)
    found = list(links.values_list("user__email", flat=True))
    signer = report.signed_by or report.author
    if signer is not None and signer.is_active:
        found.append(signer.email)
    return sorted(set(found))
