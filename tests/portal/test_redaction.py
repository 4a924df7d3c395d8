"""Secrets in addresses are masked in every line of the log."""

import logging
import re
import secrets
from urllib.parse import urlsplit

import pytest
from django.test import Client

from accounts.models import Invitation
from accounts.services.invitations import make_invitation_url
from portal.logging.redaction import RedactingFormatter


def _line(message: str, *args: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, args, None)
    return RedactingFormatter("%(message)s").format(record)


@pytest.mark.parametrize(
    "address",
    ["/invitations/{}/", "/connect/demo/{}/", "/connect/demo/?token={}", "/webhooks/clarius/demo/{}/"],
)
def test_the_secret_part_of_an_address_is_masked(address: str) -> None:
    secret = secrets.token_urlsafe(24)
    assert secret not in _line("Forbidden (%s): %s", "CSRF cookie not set.", address.format(secret))


@pytest.mark.parametrize("address", ["/connect/demo/{}/", "/connect/demo/?token={}", "?customer_id={}"])
@pytest.mark.parametrize(
    "token", ["short", "twelve.chars", "o'clock-hidden", "a%2Fb~c", "x/y:z", 'quote"d>hidden']
)
def test_a_token_of_any_form_is_masked(address: str, token: str) -> None:
    line = _line("Not Found: %s", address.format(token))
    assert not any(part in line for part in re.split(r"[^a-z]", token) if len(part) > 3)
    assert token not in line and line.startswith(f"Not Found: {address.partition('{')[0]}")


def test_the_addresses_of_the_pages_themselves_stay_readable() -> None:
    line = "Not Found: /connect/demo/switch/ after /connect/demo/ today"
    assert _line(line) == line


@pytest.mark.django_db
def test_a_refused_form_logs_no_invitation_code(caplog: pytest.LogCaptureFixture) -> None:
    page = make_invitation_url(invitation=Invitation.objects.create(email="invited@example.test"))
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(urlsplit(page).path).status_code == 403
    lines = [RedactingFormatter("%(message)s").format(each) for each in caplog.records]
    assert any("/invitations/" in line for line in lines)
    assert not any(page.split("/")[-2] in line for line in lines)
