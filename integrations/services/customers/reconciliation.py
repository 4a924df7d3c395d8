"""Compare the Cloud's confirmed tokens with our links; an empty or partial list changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from audit.entries import add_entry
from foundation.crypto import lookup_digest, still_encrypted
from integrations.clarius import ClariusClient
from integrations.models import Customer, Link, ListedToken, Service, Sync
from integrations.services.linking.confirmation import end_link, mail_gone
from integrations.services.linking.transitions import NotAllowed
from integrations.services.reading import ImplausibleAnswer, Reading

# Small enough for flat memory, and 10,000 customers are ten calls.
PAGE_SIZE = 1000
# Rows of one INSERT.
BATCH = 500
# A single list may omit a customer by mistake.
SYNCS_UNTIL_GONE = 2
# Two syncs in quick succession would meet the same fault of the Cloud twice.
MISSED_APART = timedelta(hours=1)


def read_customers(client: ClariusClient, reading: Reading) -> Callable[[], str]:
    """Stage every confirmed token, page by page; raises ImplausibleAnswer, ClariusError and LeaseLost."""
    _staged(reading).delete()
    expected: int | None = None
    fault_count = 0
    for page in client.confirmed_token_pages(limit=PAGE_SIZE):
        expected = page.count
        fault_count += len(page.faulty)
        _stage(sync=reading.sync, tokens=page.results)
        reading.show_progress(seen=_staged(reading).count(), expected=expected)
    seen = _staged(reading).count()
    if fault_count or (expected is not None and seen < expected):
        total = seen + fault_count if expected is None else expected
        raise ImplausibleAnswer(
            f"Clarius Cloud listed only {seen} of {total} customers readably. Nothing was changed."
        )
    if not seen and _knows_any(reading.service):
        raise ImplausibleAnswer("Clarius Cloud listed no customer. Nothing was changed.")
    return lambda: _apply(reading)


def _staged(reading: Reading) -> QuerySet[ListedToken]:
    return ListedToken.objects.filter(sync=reading.sync)


def _stage(*, sync: Sync, tokens: Iterable[str]) -> None:
    fresh = {lookup_digest(token): token for token in tokens}
    rows = [ListedToken(sync=sync, token_digest=digest, token=token) for digest, token in fresh.items()]
    # Pages may repeat items that moved; a token that is staged already is kept.
    ListedToken.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["sync", "token_digest"],
        update_fields=["sync"],
    )


def _knows_any(service: Service) -> bool:
    customers = Customer.objects.filter(service=service)
    return customers.filter(Q(listed_at__isnull=False) | Q(links__state=Link.State.CONFIRMED)).exists()


def _apply(reading: Reading) -> str:
    """Apply the complete list and return a summary; call it in the final transaction of the job."""
    service, started_at = reading.service, reading.started_at
    customers = Customer.objects.filter(service=service)
    known = customers.filter(token_digest__in=_staged(reading).values("token_digest"))
    known.update(listed_at=started_at, missed_sync_count=0, missed_at=None)
    new_count = _add_unknown(reading)
    gone_count = _count_missed(customers, reading)
    listed_count = _staged(reading).count()
    _staged(reading).delete()
    add_entry(
        action="customers.reconciled",
        target=service,
        listed=str(listed_count),
        new=str(new_count),
        gone=str(gone_count),
    )
    parts = [f"{listed_count:,} listed"]
    parts += [f"{new_count:,} new here"] if new_count else []
    parts += [f"{gone_count:,} gone"] if gone_count else []
    return ", ".join(parts)


def _add_unknown(reading: Reading) -> int:
    known = Customer.objects.filter(service=reading.service).values("token_digest")
    unknown = _staged(reading).exclude(token_digest__in=known).order_by("pk")
    count, last = 0, 0
    while batch := list(unknown.filter(pk__gt=last)[:BATCH]):
        Customer.objects.bulk_create(
            [
                Customer(
                    service=reading.service,
                    token=still_encrypted(row, "token"),
                    token_digest=row.token_digest,
                    listed_at=reading.started_at,
                )
                for row in batch
            ],
            update_conflicts=True,
            unique_fields=["service", "token_digest"],
            update_fields=["listed_at"],
        )
        count, last = count + len(batch), batch[-1].pk
    return count


def _count_missed(customers: QuerySet[Customer], reading: Reading) -> int:
    started_at = reading.started_at
    held = Customer.objects.filter(service=reading.service).unlisted_since(started_at)
    missed = customers.filter(Q(pk__in=held.values("pk")) | Q(listed_at__lt=started_at))
    apart = Q(missed_at=None) | Q(missed_at__lte=started_at - MISSED_APART)
    missed.filter(apart).update(missed_sync_count=F("missed_sync_count") + 1, missed_at=started_at)
    # A link that was confirmed during the sync may not be on the list yet.
    lost = Link.objects.confirmed().filter(
        customer__service=reading.service,
        customer__missed_sync_count__gte=SYNCS_UNTIL_GONE,
        confirmed_at__lt=started_at,
    )
    return end_as_gone(links=list(lost.with_customer().select_related("user")), reason=Link.Reason.NOT_LISTED)


def end_as_gone(*, links: Sequence[Link], reason: Link.Reason) -> int:
    """End confirmed links as gone, mail their accounts, and return how many; no exam is deleted."""
    count = 0
    for link in links:
        try:
            with transaction.atomic():
                end_link(link=link, reason=reason)
                mail_gone(link=link)
        except NotAllowed:
            continue
        count += 1
    return count
