"""What every admin page of rows with a state or a lease forbids: work goes through actions."""

from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

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


class ReadOnlyAdmin(ModelAdmin):
    """To look at, search and filter."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
