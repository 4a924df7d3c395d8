"""Secrets in addresses are masked in every line of the log."""

import logging
import secrets

import pytest
from django.test import Client

from accounts.models import Invitation
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


@pytest.mark.django_db
def test_a_refused_form_logs_no_invitation_code(caplog: pytest.LogCaptureFixture) -> None:
    invitation = Invitation.objects.create(email="invited@example.test")
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(f"/invitations/{invitation.code}/").status_code == 403
    lines = [RedactingFormatter("%(message)s").format(each) for each in caplog.records]
    assert any("/invitations/" in line for line in lines)
    assert not any(invitation.code in line for line in lines)
