"""Querysets of submissions, captures and reports."""

from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from exams.models.names import folded
from exams.models.searching import read_words
from exams.states import CaptureState
from exams.states import Hold as H
from exams.states import ReportState as R
from exams.states import SubmissionState as S
from integrations.models import Customer

# An exam that is not ready fails after a day, so nothing should be on its way for longer than this.
WAITING_LONG = timedelta(hours=30)


def _long(since: str) -> Q:
    """Match rows that were first tried, fell due or came in so long ago that they should have ended."""
    limit = timezone.now() - WAITING_LONG
    due = Q(first_tried_at=None, not_before__lt=limit)
    lost = Q(first_tried_at=None, not_before=None, **{f"{since}__lt": limit})
    return Q(first_tried_at__lt=limit) | due | lost


class SubmissionQuerySet(models.QuerySet[Any]):
    """Submissions."""

    def visible(self) -> Self:
        """Keep those confirmed by the Cloud and not held: pages outside the admin show no others."""
        return self.filter(customer__isnull=False, exam__isnull=False).exclude(state=S.HELD)

    def without_data(self) -> Self:
        """Defer the Cloud's answer: it can be megabytes for each row, and no list shows it."""
        return self.defer("raw_data", "mapped")

    def named(self, uuid: Any) -> Self:
        """Keep the one with this UUID, either the portal's or the Cloud's."""
        return self.filter(Q(uuid=uuid) | Q(request_uuid=uuid))

    def stopped(self) -> Self:
        """Keep those held because an administrator stopped them."""
        return self.filter(state=S.HELD, hold_reason=H.STOPPED, given_up_at=None)

    def waiting_long(self) -> Self:
        """Keep those on their way for longer than anything should take, and not given up."""
        return self.filter(_long("received_at"), state__in=(S.RECEIVED, S.FETCHING), given_up_at=None)

    def going_on(self) -> Self:
        """Keep those on their way, or held for a reason that resolves automatically or has its own page."""
        held = Q(state=S.HELD, hold_reason__in=(H.UNCONFIRMED, H.BEFORE_START))
        return self.filter(held | Q(state__in=(S.RECEIVED, S.FETCHING)), given_up_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-submitted_at", "-id")

    def older_than(self, row: Any) -> Self:
        """Keep those after `row` in the order above; the first condition lets the database use an index."""
        below = Q(submitted_at__lt=row.submitted_at) | Q(submitted_at=row.submitted_at, id__lt=row.pk)
        return self.filter(Q(submitted_at__lte=row.submitted_at) & below)

    def newer_than(self, row: Any) -> Self:
        """Keep those before `row` in the order above."""
        above = Q(submitted_at__gt=row.submitted_at) | Q(submitted_at=row.submitted_at, id__gt=row.pk)
        return self.filter(Q(submitted_at__gte=row.submitted_at) & above)

    def matching(self, text: str) -> Self:
        """Keep those whose patient or customer contains every word, and every date, of `text`.

        The index covers only submissions whose data has been read; others have no names yet.
        """
        rows = self.filter(data_read_at__isnull=False)
        customers = {
            customer.pk: folded(f"{customer} {customer.institution}")
            for customer in Customer.objects.only("label", "institution", "token_digest").iterator()
        }
        for forms in read_words(text):
            found = Q()
            for form in forms:
                found |= Q(search_text__contains=form)
            named = [pk for pk, label in customers.items() if forms[0] in label]
            # Of no customer at all the condition would only keep the database from using the index.
            rows = rows.filter(found | Q(customer__in=named) if named else found)
        return rows


class CaptureQuerySet(models.QuerySet[Any]):
    """Captures of submissions."""

    def stored(self) -> Self:
        return self.filter(state=CaptureState.STORED)

    def without_data(self) -> Self:
        """Defer the Cloud's answer of the submissions that are read as well."""
        return self.defer("submission__raw_data", "submission__mapped")


class ReportQuerySet(models.QuerySet[Any]):
    """Reports."""

    def signed(self) -> Self:
        return self.filter(~Q(state=R.DRAFT))

    def without_data(self) -> Self:
        """Defer the Cloud's answer of the submissions that are read as well."""
        return self.defer("submission__raw_data", "submission__mapped")

    def waiting_long(self) -> Self:
        """Keep those on their way for longer than anything should take, and not given up."""
        return self.filter(_long("signed_at"), state__in=(R.SIGNED, R.SENDING), given_up_at=None)

    def going_on(self) -> Self:
        """Keep those signed and not delivered yet."""
        return self.filter(state__in=(R.SIGNED, R.SENDING), given_up_at=None)
