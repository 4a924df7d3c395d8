"""Every page of the administration has one main landmark, and the alarm of a refused key above it."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import keyring
from integrations.models import Service
from integrations.services.health import headline_of
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(db: None) -> Service:
    return Service.objects.create(
        slug="echo",
        name="Echo reading",
        base_url="https://cloud.example.com",
        circuit_opened_at=timezone.now(),
    )


def _lists() -> list[str]:
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]


def _pages(service: Service) -> list[str]:
    of_service = [
        reverse(f"admin:integrations_service_{name}", args=[service.pk])
        for name in ("change", "keys", "settings")
    ]
    return [reverse("admin:index"), reverse("admin:integrations_service_add"), *of_service, *_lists()]


def _alarm(page: str) -> str:
    found = re.search(r'<p class="alarm-strip".*?</p>', page, re.DOTALL)
    return found[0] if found else ""


def _browser(name: str, *groups: str, **fields: Any) -> Client:
    client = logged_in(make_person(name, *groups, is_staff=True, **fields))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_refused_key_is_shown_on_every_page_with_a_link_to_the_keys(service: Service) -> None:
    client = _browser("superuser", is_superuser=True)
    keys = reverse("admin:integrations_service_keys", args=[service.pk])
    for address in ["/", *_pages(service)]:
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        alarm = _alarm(page)
        assert f"Echo reading: {keyring.ALL_REFUSED}" in alarm, address
        assert f'href="{keys}"' in alarm, address
        assert len(re.findall(r"<main[ >]", page)) == 1, address
        assert page.index("alarm-strip") < page.index("<main"), address


def test_the_alarm_shows_the_headline_of_the_service(service: Service) -> None:
    assert headline_of(service=service) == ("bad", keyring.ALL_REFUSED)


def test_an_administrator_who_cannot_fix_it_sees_no_link(service: Service) -> None:
    alarm = _alarm(_browser("bare").get("/admin/").content.decode())
    assert keyring.ALL_REFUSED in alarm
    assert "href" not in alarm


def test_no_alarm_is_shown_if_keys_work_or_a_service_is_paused(service: Service) -> None:
    client = _browser("administrator", "Administrators")
    assert _alarm(client.get("/admin/").content.decode())
    Service.objects.update(is_active=False)
    assert not _alarm(client.get("/admin/").content.decode())
    Service.objects.update(is_active=True, circuit_opened_at=None)
    assert not _alarm(client.get("/admin/").content.decode())
