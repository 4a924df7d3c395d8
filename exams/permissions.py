"""Permissions for patient content: pages, commands and templates ask only this module. Roles add up."""

from typing import Any

from django.db.models import Q

from accounts.roles import REVIEWERS
from exams.models import Capture, Report, Submission
from exams.models.querysets import CaptureQuerySet, ReportQuerySet, SubmissionQuerySet
from integrations.models import Link, ReviewerAccess

VIEW_CONTENT = "exams.view_patient_content"


def is_reviewer(user: Any) -> bool:
    """Return whether the account has the reviewer's role, for any service."""
    return bool(user.is_active and user.groups.filter(name=REVIEWERS).exists())


def is_clinician(user: Any) -> bool:
    """Return whether the account has a confirmed link now."""
    return bool(user.is_active and user.pk and _customers(user))


def sees_all_content(user: Any) -> bool:
    """Return whether the account is an administrator who may also see patient content."""
    return bool(user.is_active and user.is_staff and user.has_perm(VIEW_CONTENT))


def can_review(user: Any, submission: Submission) -> bool:
    """Return whether the account may claim this submission and report on it."""
    if not user.is_active or submission.service_id not in _services(user):
        return False
    return Submission.objects.visible().filter(pk=submission.pk).exists()


def visible_submissions(user: Any) -> SubmissionQuerySet:
    """Return the submissions that the account may see."""
    return Submission.objects.visible().filter(_reach(user, ""))


def visible_captures(user: Any) -> CaptureQuerySet:
    """Return the captures of all submissions that the account may see."""
    return Capture.objects.filter(_is_shown() & _reach(user, "submission__"))


def visible_reports(user: Any) -> ReportQuerySet:
    """Return the signed reports that the account may read, and its own drafts."""
    reports = Report.objects.filter(_is_shown() & _reach(user, "submission__"))
    if not user.is_active:
        return reports.none()
    own = Q(author=user.pk, submission__service__in=_services(user))
    return reports.filter(~Q(state=Report.State.DRAFT) | own)


def _customers(user: Any) -> list[int]:
    held = Link.objects.filter(user=user.pk, state=Link.State.CONFIRMED)
    return list(held.values_list("customer_id", flat=True))


def _services(user: Any) -> list[int]:
    if not is_reviewer(user):
        return []
    return list(ReviewerAccess.objects.filter(user=user.pk).values_list("service_id", flat=True))


def _reach(user: Any, prefix: str) -> Q:
    if not user.is_active:
        return Q(pk__in=[])
    if sees_all_content(user):
        return Q()
    return Q(**{f"{prefix}customer__in": _customers(user)}) | Q(**{f"{prefix}service__in": _services(user)})


def _is_shown() -> Q:
    return Q(submission__in=Submission.objects.visible())
