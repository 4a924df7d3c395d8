"""Additions to pages of other apps: names in the audit log, and a section on the page of a service."""

from audit.labels import register_label
from exams.models import Capture, Report, Submission
from exams.models.names import short_id
from exams.services.health import submission_facts
from integrations.services.sections import register_section


def _name_submission(row: Submission) -> str:
    customer = f" of {row.customer}" if row.customer else ""
    return f"{short_id(row.request_uuid)}{customer}"


register_label(model=Submission, label=_name_submission, related=("customer",))
for part in (Capture, Report):
    register_label(
        model=part,
        label=lambda row: f"of submission {_name_submission(row.submission)}",
        related=("submission__customer",),
    )
register_section(title="Submissions", section=submission_facts)
