"""Pending faults: a call or notification uses up one of the oldest that matches."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from sandbox.models import Fault

# Faults of calls are set by endpoint; this name sets faults of notifications.
NOTIFICATION = "notification"
# Faults of a notification; the last ones send a notification that should not be sent.
NOTIFIED_KINDS = ("drop", "repeat", "delay", "foreign_url", "unknown_customer")
UNCONFIRMED = "unconfirmed"
NOTIFICATION_KINDS = (*NOTIFIED_KINDS, UNCONFIRMED)


def take_fault(*matches: str, kinds: Collection[str] | None = None) -> Fault | None:
    """Use up one time of the oldest fault for one of these endpoints, of these kinds if given."""
    waiting = Fault.objects.filter(match__in=matches)
    if kinds is not None:
        waiting = waiting.filter(kind__in=kinds)
    if not waiting.exists():
        return None
    with transaction.atomic():
        fault = waiting.first()
        if fault is None:
            return None
        Fault.objects.filter(pk=fault.pk).update(times=F("times") - 1)
        Fault.objects.filter(times__lte=0).delete()
    return fault
