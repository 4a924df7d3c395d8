"""Prove an API key before it is stored, and store it sealed."""

from django.utils import timezone

from accounts.models import User
from audit.record import record
from integrations.clarius import errors, key_problem
from integrations.models import ApiKey, Service
from integrations.services.clients import client_with


class KeyNotProven(Exception):
    """The key or its host does not work; the message says to the reader what, and what to do."""

    def __init__(self, message: str, *, is_key_at_fault: bool, may_pass: bool = False) -> None:
        super().__init__(message)
        self.is_key_at_fault = is_key_at_fault
        self.may_pass = may_pass


def prove_key(*, base_url: str, key: str) -> None:
    """Read the Cloud's settings with the key; raises KeyNotProven."""
    problem = key_problem(key)
    if problem:
        raise KeyNotProven(problem, is_key_at_fault=True)
    try:
        with client_with(base_url=base_url, secret=key) as client:
            client.get_settings()
    except errors.KeyRefused:
        raise KeyNotProven(
            "Clarius Cloud does not accept this API key. Copy it once more, or make another one there.",
            is_key_at_fault=True,
        ) from None
    except errors.NotFound:
        raise KeyNotProven("There is no Clarius Cloud at this base URL.", is_key_at_fault=False) from None
    except errors.ClariusError as error:
        raise KeyNotProven(error.message, is_key_at_fault=False, may_pass=error.retryable) from None


def store_key(*, service: Service, key: str, user: User | None = None, address: str | None = None) -> ApiKey:
    """Store a proven key and use it from now on; others stay as a reserve. Call it in a transaction."""
    prefix = key.partition(".")[0]
    ApiKey.objects.filter(service=service, is_in_use=True).exclude(prefix=prefix).update(is_in_use=False)
    row = ApiKey.objects.filter(service=service, prefix=prefix).first()
    was_in_use = row is not None and row.is_in_use
    if row is None:
        row = ApiKey(service=service, prefix=prefix)
    row.secret = key
    row.is_in_use = True
    row.revoked_at = None
    if not was_in_use:
        row.in_use_since = timezone.now()
        record(action="api_key.stored", actor=user, target=service, address=address, prefix=prefix)
    row.save()
    return row
