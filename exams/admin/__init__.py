"""What administrators see: identifiers and states; patient content only by a permission of its own."""

from exams.admin import audit_words, service_section
from exams.admin.fetch.submissions import SubmissionAdmin
from exams.admin.field_map.pages import FieldMapAdmin
from exams.admin.intake.poll_runs import WalkAdmin
from exams.admin.intake.records import NotificationRecordAdmin
from exams.admin.intake.rejected import JunkNotificationAdmin
from exams.admin.maintenance import ChoreAdmin
from exams.admin.media import CaptureAdmin
from exams.admin.reports import ReportAdmin
from exams.admin.review import ExamAdmin, PatientAdmin

__all__ = [
    "CaptureAdmin",
    "ChoreAdmin",
    "ExamAdmin",
    "FieldMapAdmin",
    "JunkNotificationAdmin",
    "NotificationRecordAdmin",
    "PatientAdmin",
    "ReportAdmin",
    "SubmissionAdmin",
    "WalkAdmin",
    "audit_words",
    "service_section",
]
