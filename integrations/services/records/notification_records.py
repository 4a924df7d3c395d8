"""Copy the Cloud's log of its calls to our webhook and keep it longer; for people only, no job reads it."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from foundation.crypto import lookup_digest
from integrations.clarius import ClariusClient
from integrations.clarius.schemas import NotificationRecord as RemoteRecord
from integrations.models import NotificationRecord, Service
from integrations.services.masking import describe_response, mask_content, mask_text, mask_url, request_of
from integrations.services.reading import Reading

Outcome = NotificationRecord.Outcome
# As documented.
KEPT_BY_THE_CLOUD = timedelta(days=14)
# The largest number that the column can hold.
LONGEST_LATENCY_MS = 2**31 - 1


def read_records(client: ClariusClient, reading: Reading) -> Callable[[], str]:
    """Add new records page by page; a later failure does not undo them. Raises ClariusError and LeaseLost."""
    seen = new = faulty = 0
    for page in client.notification_record_pages():
        new += add_records(service=reading.service, records=page.results, now=reading.started_at)
        seen += len(page.results) + len(page.faulty)
        faulty += len(page.faulty)
        reading.show_progress(seen=seen, expected=page.count)

    def apply() -> str:
        # With a shorter time than the Cloud's, the next sync would add them again.
        kept_for = max(timedelta(days=settings.RECORDS_RETENTION_DAYS), KEPT_BY_THE_CLOUD)
        old = NotificationRecord.objects.filter(
            service=reading.service, sent_at__lt=timezone.now() - kept_for
        )
        dropped, _ = old.delete()
        parts = [f"{seen:,} at the Cloud", f"{new:,} new"]
        parts += [f"{faulty:,} could not be read"] if faulty else []
        parts += [f"{dropped:,} dropped after {kept_for.days} days"] if dropped else []
        return ", ".join(parts)

    return apply


def add_records(*, service: Service, records: Sequence[RemoteRecord], now: datetime) -> int:
    """Store the new records, masked, and return how many there were."""
    by_fingerprint = {_fingerprint(each): each for each in records}
    stored = NotificationRecord.objects.filter(service=service, fingerprint__in=list(by_fingerprint))
    known = set(stored.values_list("fingerprint", flat=True))
    fresh = [
        _row(service=service, record=record, fingerprint=fingerprint, now=now)
        for fingerprint, record in by_fingerprint.items()
        if fingerprint not in known
    ]
    with transaction.atomic():
        NotificationRecord.objects.bulk_create(fresh)
    return len(fresh)


def _fingerprint(record: RemoteRecord) -> str:
    content = hashlib.sha256(record.content.encode()).hexdigest()
    return lookup_digest(f"{record.sent_at.isoformat()}|{record.url}|{content}")


def _row(*, service: Service, record: RemoteRecord, fingerprint: str, now: datetime) -> NotificationRecord:
    status, response = describe_response(record.response)
    latency = max((record.logged_at - record.sent_at) / timedelta(milliseconds=1), 0)
    return NotificationRecord(
        service=service,
        fingerprint=fingerprint,
        logged_at=record.logged_at,
        sent_at=record.sent_at,
        latency_ms=int(min(latency, LONGEST_LATENCY_MS)),
        outcome=_outcome(status=status, response=record.response, error=record.error),
        status=status,
        url=mask_url(record.url, slug=service.slug),
        is_ours=record.url.startswith(f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/"),
        method=record.method[:20],
        content=mask_content(record.content),
        response=response,
        error=mask_text(record.error or "")[:500],
        request_uuid=request_of(record.content),
        read_at=now,
    )


def _outcome(*, status: int | None, response: object, error: str | None) -> str:
    if error or (status is not None and not 200 <= status < 300):
        return Outcome.FAILED
    return Outcome.ANSWERED if status is not None else Outcome.UNCLEAR
