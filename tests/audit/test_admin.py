"""Administrators can read and filter the log, but not edit it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from audit.entries import add_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(administrator: Any) -> Any:
    administrator.user_permissions.set(Permission.objects.filter(content_type__app_label="audit"))
    return administrator


def _actions(client: Client, **query: str) -> list[str]:
    listed = client.get("/admin/audit/entry/", query).context["cl"].result_list
    return [entry.action for entry in listed]


def test_the_log_can_be_searched_and_filtered(client: Client, reader: Any, clinician: Any) -> None:
    clinician.email = "clinician@example.test"
    add_entry(action="exam.viewed", actor=clinician)
    add_entry(action="link.ended", outcome="refused")
    client.force_login(reader)
    assert _actions(client, outcome="refused") == ["link.ended"]
    assert _actions(client, q="c…@example.test") == ["exam.viewed"]
    assert {"exam.viewed", "link.ended"} < set(_actions(client))


def test_no_page_adds_changes_or_deletes_an_entry(client: Client, reader: Any) -> None:
    entry = add_entry(action="exam.viewed")
    client.force_login(reader)
    page = f"/admin/audit/entry/{entry.pk}"
    assert client.get(f"{page}/change/").status_code == 200
    assert client.post(f"{page}/change/", {"action": "nothing"}).status_code == 403
    assert client.get("/admin/audit/entry/add/").status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403


def test_staff_without_the_permission_sees_nothing(client: Client, administrator: Any) -> None:
    client.force_login(administrator)
    assert client.get("/admin/audit/entry/").status_code == 403
