"""Make rows due, so that a worker takes them."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from background.due import from_now
from background.models import LeasedRow


def schedule(
    *,
    model: type[LeasedRow] | None = None,
    pk: Any = None,
    queryset: QuerySet[Any] | None = None,
    at: datetime | None = None,
) -> int:
    """Make rows due (`at`, or now) with a fresh count of attempts, and return how many.

    Give `model` and `pk`, or `queryset`; raises ValueError otherwise. A row that is leased at the moment
    keeps its lease and is due again afterwards.
    """
    if queryset is None:
        if model is None or pk is None:
            raise ValueError("Give model and pk, or queryset.")
        queryset = model._base_manager.filter(pk=pk)
    return queryset.update(
        not_before=from_now() if at is None else at,
        nudged_until=None,
        attempt_count=0,
        # Tells the worker that leases the row that it was scheduled again meanwhile.
        first_tried_at=None,
    )
