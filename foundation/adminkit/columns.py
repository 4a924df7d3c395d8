"""The format of admin columns: times in the reader's zone with UTC on hover, and readable labels."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, DateField, DateTimeField

from foundation.moments import day, moment

# Labels for columns whose names only programmers understand.
LABELS = {
    "uuid": "identifier in this portal",
    "request_uuid": "request",
    "exam_uuid": "exam at Clarius Cloud",
    "sha256": "SHA-256",
    "is_active": "active",
    "is_registered": "registered",
    "is_sandbox": "sandbox",
    "is_poll_only": "poll only",
    "is_in_use": "in use",
    "is_listed": "listed",
    "is_customized": "customized",
    "url": "URL",
    "is_full": "whole list",
    "is_complete": "completed",
    "page_count": "pages",
    "seen_count": "listed",
    "new_count": "new",
    "known_count": "known",
    "error_count": "errors",
    "remote_count": "listed at Clarius Cloud",
    "local_count": "here",
    "stored_count": "captures stored",
    "capture_count": "captures",
    "missed_pass_count": "passes that did not list it",
    "attempt_count": "attempts under way",
    "first_tried_at": "first tried",
    "not_before": "next attempt",
    "nudged_until": "queued for a worker until",
    "lease_until": "leased by a worker until",
    "lease_token": "times leased by a worker",
    "at": "time",
    "accepted_at": "accepted",
    "given_up_at": "given up",
    "is_ours": "sent to this portal",
    "is_reviewer": "reviewer",
}

LEASE_FIELDS = ("attempt_count", "first_tried_at", "not_before", "nudged_until", "lease_until", "lease_token")


def written(name: Any, *, owner: Any, opts: Any) -> Any:
    """Return a column that formats this field, or its name if the theme formats it well enough."""
    if not isinstance(name, str) or hasattr(owner, name):
        return name
    try:
        field = opts.get_field(name)
    except FieldDoesNotExist:
        return name
    return _writer(field) if isinstance(field, DateField) or name in LABELS else name


@cache
def _writer(field: Any) -> Callable[[Any], Any]:
    """Return the column for this field; cached, since the theme compares columns by identity."""

    def write(row: Any) -> Any:
        value = getattr(row, field.name)
        if isinstance(field, DateTimeField):
            return moment(value)
        return day(value) if isinstance(field, DateField) else value

    write.__name__ = field.name
    write.short_description = LABELS.get(field.name, field.verbose_name)  # type: ignore[attr-defined]
    write.admin_order_field = field.name  # type: ignore[attr-defined]
    # Shown as an icon.
    write.boolean = isinstance(field, BooleanField)  # type: ignore[attr-defined]
    return write
