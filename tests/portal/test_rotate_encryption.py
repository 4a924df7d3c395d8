"""`rotate_encryption` encrypts everything with the newest key, so that former keys can be removed."""

from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection

from audit.models import Entry
from background.mail import queue_mail
from background.models import OutgoingMail
from foundation.crypto import lookup_digest
from integrations.models import ApiKey, Customer, Service
from portal.models import CacheRow
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
NEWEST = "bmV3ZXN0LW5ld2VzdC1uZXdlc3QtbmV3ZXN0LW5ld2U="
STRANGE = "c3RyYW5nZS1zdHJhbmdlLXN0cmFuZ2Utc3RyYW5nZS0="


@pytest.fixture
def stored() -> None:
    service = Service.objects.create(slug="echo", name="Echo", base_url="http://127.0.0.1:9")
    Service.objects.filter(pk=service.pk).update(webhook_secret="w" * 40)
    ApiKey.objects.create(service=service, prefix="abcdefgh", secret="the key")
    Customer.objects.create(service=service, token="t" * 43, token_digest=lookup_digest("t" * 43))
    queue_mail(recipient="clinician@example.test", subject="Hello", body="quicksilver")
    cache.set("key", "cached", 60)


def _rotate(capsys: pytest.CaptureFixture[str]) -> list[str]:
    call_command("rotate_encryption")
    return capsys.readouterr().out.splitlines()


def test_afterwards_the_former_key_is_not_needed(
    stored: None, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = logged_in(make_person("rita"))
    settings.FIELD_ENCRYPTION_KEYS = [NEWEST, *settings.FIELD_ENCRYPTION_KEYS]
    lines = _rotate(capsys)
    for name in (
        "integrations.service.webhook_secret",
        "integrations.apikey.secret",
        "integrations.customer.token",
        "background.outgoingmail.recipient",
        "background.outgoingmail.body",
        "portal.cacherow.value",
        "sessions.session.session_data",
    ):
        assert f"{name}: 1 encrypted again" in lines
    assert _rotate(capsys) == ["Everything is encrypted with the first key. The other keys can be removed."]
    settings.FIELD_ENCRYPTION_KEYS = [NEWEST]
    service, mail = Service.objects.get(), OutgoingMail.objects.get()
    assert (service.webhook_secret, service.previous_webhook_secret) == ("w" * 40, "")
    assert (ApiKey.objects.get().secret, Customer.objects.get().token) == ("the key", "t" * 43)
    assert (mail.recipient, mail.body) == ("clinician@example.test", "quicksilver")
    assert cache.get("key") == "cached"
    assert browser.get("/preferences/").status_code == 200
    entries = Entry.objects.filter(action="encryption.rotated").order_by("at")
    assert [(each.outcome, each.identifiers["rotated"]) for each in entries] == [("ok", "7"), ("ok", "0")]


def test_what_cannot_be_decrypted_is_left_unchanged_and_reported(
    stored: None, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = logged_in(make_person("rita"))
    settings.FIELD_ENCRYPTION_KEYS, former = [STRANGE], settings.FIELD_ENCRYPTION_KEYS
    with pytest.raises(CommandError, match="5 values cannot be decrypted"):
        call_command("rotate_encryption")
    assert "integrations.apikey.secret: 0 encrypted again, 1 cannot be decrypted" in capsys.readouterr().out
    assert Entry.objects.get(action="encryption.rotated").outcome == "failed"
    settings.FIELD_ENCRYPTION_KEYS = former
    assert ApiKey.objects.get().secret == "the key"
    # What is kept for a short time is removed instead.
    assert not CacheRow.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_session")
        assert cursor.fetchone() == (0,)
    assert browser.get("/preferences/").status_code == 302
