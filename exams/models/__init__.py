"""Patients, exams, submissions, their captures and the reports that go back."""

from exams.models.backlog import BacklogImport
from exams.models.captures import Capture, CaptureSeen
from exams.models.field_map import FieldMap
from exams.models.intake import Call, PollRun, RejectedNotification
from exams.models.maintenance import MaintenanceTask
from exams.models.patients import Demographics, Patient
from exams.models.reports import PageRendering, Report, ReportPage
from exams.models.submissions import Exam, Submission

__all__ = [
    "BacklogImport",
    "Call",
    "Capture",
    "CaptureSeen",
    "Demographics",
    "Exam",
    "FieldMap",
    "MaintenanceTask",
    "PageRendering",
    "Patient",
    "PollRun",
    "RejectedNotification",
    "Report",
    "ReportPage",
    "Submission",
]
