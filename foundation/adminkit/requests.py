"""The account, address and row of a request."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from foundation.address import client_address

Row = TypeVar("Row", bound=Model)


def actor_of(request: HttpRequest) -> dict[str, Any]:
    """Return the account and the address of the request, as services take them."""
    return {"user": request.user, "address": client_address(request)}


def find_row(rows: QuerySet[Row], *, key: str) -> Row | None:
    """Return the row with this primary key, or None if it does not exist or the key is invalid."""
    try:
        return rows.filter(pk=key).first()
    except ValueError:
        # Not a number, or one with more digits than Python converts.
        return None
