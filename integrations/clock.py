"""The difference between the Cloud's clock and ours, read from the `Date` of its answers."""

from datetime import timedelta

from django.utils import timezone

from integrations.clarius import ClariusClient
from integrations.models import Service

# The Date of an answer counts whole seconds, and answers take a moment.
TOLERANCE = timedelta(seconds=30)


def note_clock(*, service: Service, client: ClariusClient) -> None:
    """Put the difference shown by the latest answer on `service`, for the caller to save.

    The first one is applied to the time of the connection and saved: if the clock is set right later, the
    difference of that day no longer applies.
    """
    if client.last_date is None:
        return
    service.clock_offset = client.last_date - timezone.now()
    if service.connected_at is None:
        service.connected_at = service.by_cloud(service.created_at)
        Service.objects.filter(pk=service.pk, connected_at=None).update(connected_at=service.connected_at)


def describe(offset: timedelta) -> str:
    """Return a sentence about our clock when the Cloud's is ahead of it by `offset`."""
    seconds = int(abs(offset).total_seconds())
    return f"This machine's clock is {seconds:,} seconds {'slow' if offset > timedelta() else 'fast'}."
