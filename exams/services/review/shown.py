"""The patients whose data a page shows, for the audit log."""

from collections.abc import Iterable

from django.db.models import Q

from exams.models import Patient, Submission


def find_patients(submissions: Iterable[int], *, with_lookalikes: bool = False) -> list[str]:
    """Return the UUIDs of the patients of these submissions, in one query."""
    rows = Submission.objects.filter(pk__in=list(submissions)).order_by()
    of = Q(pk__in=rows.values("patient"))
    if with_lookalikes:
        of |= Q(pk__in=rows.values("looks_like"))
    return [str(each) for each in Patient.objects.filter(of).values_list("uuid", flat=True)]
