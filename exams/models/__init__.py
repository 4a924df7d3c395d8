"""Patients, exams, submissions, their captures and the reports that go back."""

from exams.models.backlog import Release
from exams.models.captures import Capture
from exams.models.field_map import FieldMap
from exams.models.intake import Call, JunkNotification, Walk
from exams.models.maintenance import Chore
from exams.models.patients import Demographics, Patient
from exams.models.reports import PageRendering, Report, ReportPage
from exams.models.submissions import Exam, Submission

__all__ = [
    "Call",
    "Capture",
    "Chore",
    "Demographics",
    "Exam",
    "FieldMap",
    "JunkNotification",
    "PageRendering",
    "Patient",
    "Release",
    "Report",
    "ReportPage",
    "Submission",
    "Walk",
]
