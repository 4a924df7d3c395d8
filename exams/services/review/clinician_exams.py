"""A clinician's exams and signed reports: those of the customers that are linked to the account."""

import uuid
from dataclasses import dataclass

from django.conf import settings

from accounts.models import User
from exams.models import Report, Submission
from exams.permissions import visible_submissions
from exams.services.review.worklist import Row, describe_rows
from integrations.models import Customer

# The page shows the newest reports; older ones are on their exams' pages.
REPORT_LIMIT = 25


@dataclass(frozen=True)
class OwnExams:
    """One page of a clinician's exams, newest first; `older` is the row after which the next page begins."""

    rows: list[Row]
    older: uuid.UUID | None


def list_own_exams(*, user: User, after: uuid.UUID | None = None, size: int | None = None) -> OwnExams:
    """Return one page (or `size`) of the exams of the customers that are linked to `user` now."""
    size = settings.OWN_PAGE_SIZE if size is None else size
    own = visible_submissions(user).filter(customer__in=_linked_customers(user)).without_data()
    cursor = own.filter(uuid=after).first() if after else None
    rows = own.older_than(cursor) if cursor else own
    found: list[Submission] = list(
        rows.select_related("customer", "service", "claimed_by").newest_first()[: size + 1]
    )
    shown = found[:size]
    return OwnExams(
        rows=describe_rows(user=user, submissions=shown),
        older=shown[-1].uuid if len(found) > size else None,
    )


def list_own_reports(*, user: User) -> list[Report]:
    """Return the newest signed reports on exams of the customers that are linked to `user` now."""
    own = visible_submissions(user).filter(customer__in=_linked_customers(user))
    reports = Report.objects.signed().filter(submission__in=own).without_data()
    return list(reports.select_related("submission__customer").order_by("-signed_at", "-pk")[:REPORT_LIMIT])


def _linked_customers(user: User) -> list[int]:
    return list(Customer.objects.held_by(user).values_list("pk", flat=True))
