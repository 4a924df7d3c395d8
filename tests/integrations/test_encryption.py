"""Secrets are encrypted at rest, decrypted on reading, and rotated by a new first key."""

from typing import Any

import pytest
from django.db import connection

from foundation.crypto import CannotDecrypt, decrypt, encrypt, lookup_digest
from integrations.models import Customer, Service

pytestmark = pytest.mark.django_db
OTHER = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="


def _stored(customer: Customer) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM integrations_customer WHERE id = %s", [customer.pk])
        return str(cursor.fetchone()[0])


@pytest.fixture
def customer(service: Service, token: str) -> Customer:
    made = Customer.objects.create(service=service, token=token, token_digest=lookup_digest(token))
    return Customer.objects.get(pk=made.pk)


def test_secrets_are_stored_encrypted_and_read_as_plain_text(customer: Customer, token: str) -> None:
    assert token not in _stored(customer)
    assert customer.token == token
    assert token not in repr(list(Customer.objects.values("token", "token_digest")))


def test_saving_a_row_writes_an_undecrypted_secret_back_unchanged(customer: Customer) -> None:
    before = _stored(customer)
    customer.label = "changed"
    customer.save()
    assert _stored(customer) == before


def test_a_deferred_or_refreshed_secret_is_decrypted_too(customer: Customer, token: str) -> None:
    assert Customer.objects.defer("token").get().token == token
    customer.refresh_from_db()
    assert customer.token == token


def test_an_older_key_still_decrypts_and_a_missing_one_names_the_setting(
    customer: Customer, token: str, settings: Any
) -> None:
    former = list(settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS = [OTHER, *former]
    assert customer.token == token
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    row = Customer.objects.get()
    assert row.label == ""
    with pytest.raises(CannotDecrypt, match="FIELD_ENCRYPTION_KEYS") as raised:
        _ = row.token
    assert token not in str(raised.value)


def test_an_encrypted_text_can_be_refused_for_its_age() -> None:
    encrypted = encrypt("text")
    assert decrypt(encrypted, seconds=60) == "text"
    with pytest.raises(CannotDecrypt):
        decrypt(encrypted, seconds=-1)


def test_the_lookup_hash_depends_on_its_key(settings: Any, token: str) -> None:
    before = lookup_digest(token)
    assert (len(before), before == lookup_digest(token)) == (64, True)
    settings.TOKEN_LOOKUP_KEY = "another-key-another-key-another-key"
    assert lookup_digest(token) != before
