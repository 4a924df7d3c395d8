"""Filters of the exams' models, in one place."""

from typing import Any, Self

from django.db import models
from django.db.models import Q


class SubmissionQuerySet(models.QuerySet[Any]):
    """Submissions, narrowed to what a role may see."""

    def visible(self) -> Self:
        """Confirmed by the Cloud and not held: the only ones a page outside the admin shows."""
        return self.filter(customer__isnull=False, exam__isnull=False).exclude(state="held")

    def newest_first(self) -> Self:
        return self.order_by("-submitted_at", "-id")


class CaptureQuerySet(models.QuerySet[Any]):
    """Captures of submissions."""

    def stored(self) -> Self:
        return self.filter(state="stored")


class ReportQuerySet(models.QuerySet[Any]):
    """Reports, drafts apart from signed ones."""

    def signed(self) -> Self:
        return self.filter(~Q(state="draft"))
