"""Secrets are sealed at rest, opened on reading, and rotated by putting a new key first."""

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


def test_what_is_stored_is_sealed_and_what_is_read_is_plain(customer: Customer, token: str) -> None:
    assert token not in _stored(customer)
    assert customer.token == token
    assert token not in repr(list(Customer.objects.values("token", "token_digest")))


def test_saving_a_row_writes_a_secret_that_nobody_opened_back_as_it_was(customer: Customer) -> None:
    before = _stored(customer)
    customer.label = "changed"
    customer.save()
    assert _stored(customer) == before


def test_a_deferred_or_refreshed_secret_is_opened_as_well(customer: Customer, token: str) -> None:
    assert Customer.objects.defer("token").get().token == token
    customer.refresh_from_db()
    assert customer.token == token


def test_an_older_key_still_opens_and_a_missing_one_says_what_to_look_at(
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


def test_a_sealed_text_can_be_refused_for_its_age() -> None:
    sealed = encrypt("text")
    assert decrypt(sealed, seconds=60) == "text"
    with pytest.raises(CannotDecrypt):
        decrypt(sealed, seconds=-1)


def test_the_hash_for_looking_up_depends_on_its_key(settings: Any, token: str) -> None:
    before = lookup_digest(token)
    assert (len(before), before == lookup_digest(token)) == (64, True)
    settings.TOKEN_LOOKUP_KEY = "another-key-another-key-another-key"
    assert lookup_digest(token) != before
