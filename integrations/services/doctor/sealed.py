"""What is stored sealed: whether it can be opened, and whether customers are found by their tokens."""

from django.db.models import Model, QuerySet

from integrations.encryption import CannotDecrypt, lookup_digest
from integrations.models import ApiKey, Customer, Service
from integrations.services.doctor.findings import Finding, failed, ok

AT_ONCE = 2000
SEALED: tuple[tuple[str, QuerySet[Model], tuple[str, ...]], ...] = (
    (
        "webhook secrets",
        Service.objects.all(),
        ("webhook_secret", "previous_webhook_secret", "unsettled_webhook_secrets"),
    ),
    ("API keys", ApiKey.objects.filter(revoked_at=None), ("secret",)),
)


def check_secrets() -> Finding:
    """Every stored secret can be opened, and `TOKEN_LOOKUP_KEY` still finds the customers."""
    counts = [(what, *_count_sealed(rows, names)) for what, rows, names in SEALED]
    sealed, unknown, count = _count_customers()
    counts.append(("customer tokens", sealed, count))
    wrong = [f"{bad:,} of {all_:,} {what}" for what, bad, all_ in counts if bad]
    if wrong:
        return failed(
            "secrets",
            f"{' and '.join(wrong)} cannot be opened. "
            "Put the key that sealed them into FIELD_ENCRYPTION_KEYS.",
        )
    if unknown:
        return failed(
            "secrets",
            f"{unknown:,} of {count:,} customers would not be recognised by their tokens. "
            "Set TOKEN_LOOKUP_KEY to what it was when they were connected.",
        )
    return ok("secrets", "Every stored secret can be opened, and every customer is found by its token.")


def _count_sealed(rows: QuerySet[Model], names: tuple[str, ...]) -> tuple[int, int]:
    """Return how many rows hold a secret that cannot be opened, and how many there are."""
    bad = count = 0
    for row in rows.only("pk", *names).iterator(chunk_size=AT_ONCE):
        count += 1
        bad += not all(_can_open(row, name) for name in names)
    return bad, count


def _count_customers() -> tuple[int, int, int]:
    """Return how many tokens cannot be opened, how many have another look-up hash, and how many there are."""
    sealed = unknown = count = 0
    for row in Customer.objects.only("pk", "token", "token_digest").iterator(chunk_size=AT_ONCE):
        count += 1
        if not _can_open(row, "token"):
            sealed += 1
        elif lookup_digest(row.token) != row.token_digest:
            unknown += 1
    return sealed, unknown, count


def _can_open(row: Model, name: str) -> bool:
    try:
        getattr(row, name)
    except CannotDecrypt:
        return False
    return True
