"""Which fault meets a call or a notification: the oldest that waits for it, used up turn by turn."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from sandbox.models import Fault

# Faults of calls are told by endpoint; those of the calls that the sandbox makes itself, by this.
NOTIFICATION = "notification"
# What can become of a notification, and what lets one be sent that should not be.
NOTIFIED_KINDS = ("drop", "repeat", "delay", "foreign_url", "unknown_customer")
UNCONFIRMED = "unconfirmed"
NOTIFICATION_KINDS = (*NOTIFIED_KINDS, UNCONFIRMED)


def take_fault(*matches: str, kinds: Collection[str] | None = None) -> Fault | None:
    """Use up one turn of the oldest fault that waits for one of these, of these kinds if given."""
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
