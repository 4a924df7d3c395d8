"""The first administrator of a new portal, created as the README describes."""

import re

import pytest
from django.core.management import call_command
from django.test import Client

from background.models import OutgoingMail


@pytest.mark.django_db
def test_the_first_superuser_confirms_the_address_and_reaches_the_admin(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "horse-staple-7-battery")
    call_command("createsuperuser", "--noinput", "--email", "first@example.test", verbosity=0)
    assert client.get("/admin/").status_code == 302
    answer = client.post(
        "/accounts/login/", {"login": "first@example.test", "password": "horse-staple-7-battery"}
    )
    assert answer.status_code == 302
    # The first mail announces the account itself to every administrator.
    mail = OutgoingMail.objects.to("first@example.test").latest("pk")
    code = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", mail.body, re.MULTILINE)
    assert code is not None, mail.subject
    client.post(answer["Location"], {"code": code.group(1)})
    assert client.get("/admin/").status_code == 200
