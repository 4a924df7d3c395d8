"""Admin pages of exams: identifiers and states; patient content needs a permission of its own."""

from exams.admin import registrations
from exams.admin.fetch.submissions import SubmissionAdmin
from exams.admin.field_map.pages import FieldMapAdmin
from exams.admin.intake.poll_runs import PollRunAdmin
from exams.admin.intake.records import NotificationRecordAdmin
from exams.admin.intake.rejected import RejectedNotificationAdmin
from exams.admin.maintenance import MaintenanceTaskAdmin
from exams.admin.media import CaptureAdmin
from exams.admin.reports import ReportAdmin
from exams.admin.review import ExamAdmin, PatientAdmin

__all__ = [
    "CaptureAdmin",
    "ExamAdmin",
    "FieldMapAdmin",
    "MaintenanceTaskAdmin",
    "NotificationRecordAdmin",
    "PatientAdmin",
    "PollRunAdmin",
    "RejectedNotificationAdmin",
    "ReportAdmin",
    "SubmissionAdmin",
    "registrations",
]
