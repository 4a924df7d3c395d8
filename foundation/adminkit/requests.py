"""Who asks, and about which row."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from foundation.address import client_address

Row = TypeVar("Row", bound=Model)


def actor_of(request: HttpRequest) -> dict[str, Any]:
    """Return who acts and from where, as services take it."""
    return {"user": request.user, "address": client_address(request)}


def find_row(rows: QuerySet[Row], *, key: str) -> Row | None:
    """Return the row of this primary key, None where no row has it or could have it."""
    try:
        return rows.filter(pk=key).first()
    except ValueError:
        # No number, or one of more digits than Python reads.
        return None
