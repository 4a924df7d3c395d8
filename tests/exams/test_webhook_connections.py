"""The webhook's database connection is kept; that it may have died meanwhile costs no notification."""

import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from exams.models import Submission
from exams.webhooks import doors
from integrations.models import Service
from tests.exams.rows import make_service

TOKEN = "customer-of-the-connection-0123"


@pytest.fixture
def service(transactional_db: None) -> Service:
    doors.forget()
    return make_service()


def _notify(service: Service) -> int:
    payload = {"request_uuid": str(uuid.uuid4()), "customer_id": TOKEN}
    url = f"/webhooks/clarius/{service.slug}/{service.webhook_secret}/"
    return Client().post(url, payload, content_type="application/json").status_code


def test_a_kept_connection_is_not_asked_whether_it_lives(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _notify(service) == 204
    looks: list[bool] = []
    own = connections["default"]
    monkeypatch.setattr(own, "health_check_enabled", True)
    monkeypatch.setattr(own, "health_check_done", False)
    monkeypatch.setattr(own, "is_usable", lambda: looks.append(True) or True)
    assert _notify(service) == 204
    assert looks == []


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_a_connection_that_the_server_ended_costs_no_notification(service: Service) -> None:
    assert _notify(service) == 204
    own = connections["default"]
    with own.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = own.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        other.close()
    assert _notify(service) == 204
    assert Submission.objects.count() == 2


@pytest.mark.parametrize(("is_usable", "tries"), [(False, 2), (True, 1)])
def test_only_on_a_dead_connection_is_the_insert_tried_again(
    is_usable: bool, tries: int, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _notify(service) == 204
    seen: list[int] = []

    def fail(*args: Any) -> None:
        seen.append(1)
        raise OperationalError("away")

    monkeypatch.setattr("exams.services.intake._hint_statement", fail)
    monkeypatch.setattr(connections["default"], "is_usable", lambda: is_usable)
    assert _notify(service) == 503
    assert len(seen) == tries
