"""What administrators see: identifiers and states; patient content only by a permission of its own."""

from exams.admin import audit_words, service_section
from exams.admin.captures import CaptureAdmin
from exams.admin.chores import ChoreAdmin
from exams.admin.field_maps import FieldMapAdmin
from exams.admin.junk import JunkNotificationAdmin
from exams.admin.patients import ExamAdmin, PatientAdmin
from exams.admin.records import NotificationRecordAdmin
from exams.admin.reports import ReportAdmin
from exams.admin.submissions import SubmissionAdmin
from exams.admin.walks import WalkAdmin

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
