"""What the pages of integrations have in common."""

from typing import TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import User

LEASE_FIELDS = ("not_before", "attempt_count", "first_tried_at", "nudged_until", "lease_until")


Row = TypeVar("Row", bound=Model)


def find_row(rows: QuerySet[Row], *, key: str) -> Row | None:
    """Return the row of this primary key, None where no row has it or could have it."""
    try:
        return rows.filter(pk=key).first()
    except ValueError:
        # No number, or one of more digits than Python reads.
        return None


def acting_user(request: HttpRequest) -> User:
    """Return the administrator who asks; the admin lets nobody else in."""
    return cast(User, request.user)
