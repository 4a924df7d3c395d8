"""The webhook keeps its database connection, and loses no notification if the connection has died."""

import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

import environ
import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from exams.models import Submission
from exams.views.webhook import endpoints
from integrations.models import Service
from portal.database.connections import SERVER_TIMEOUTS, database_from_url
from tests.databases import inserts_fail
from tests.exams.rows import in_parallel, make_service

TOKEN = "customer-of-the-connection-0123"


@pytest.fixture
def service(transactional_db: None) -> Service:
    endpoints.forget()
    return make_service()


def _notify(service: Service) -> int:
    payload = {"request_uuid": str(uuid.uuid4()), "customer_id": TOKEN}
    url = f"/webhooks/clarius/{service.slug}/{service.webhook_secret}/"
    return Client().post(url, payload, content_type="application/json").status_code


def test_a_kept_connection_is_not_checked_before_it_is_used(
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
def test_a_connection_that_the_server_ended_loses_no_notification(service: Service) -> None:
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


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_a_driver_that_leaves_values_to_the_server_loses_no_notification(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = connections["default"]
    own.close()
    options = own.settings_dict["OPTIONS"] | {"server_side_binding": True}
    monkeypatch.setitem(own.settings_dict, "OPTIONS", options)
    try:
        assert [_notify(service), _notify(service)] == [204, 204]
    finally:
        own.close()
    assert Submission.objects.count() == 2


@pytest.mark.parametrize(("is_usable", "tries"), [(False, 2), (True, 1)])
def test_the_insert_is_retried_only_on_a_dead_connection(
    is_usable: bool, tries: int, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _notify(service) == 204
    monkeypatch.setattr(connections["default"], "is_usable", lambda: is_usable)
    with inserts_fail(Submission, OperationalError("away")) as asked:
        assert _notify(service) == 503
    assert len(asked) == tries


def test_requests_wait_together_only_once_for_a_database_that_answers_late_and_badly(
    service: Service,
) -> None:
    asked = []

    def fail_late(call: Callable[..., Any], sql: str, *rest: Any) -> Any:
        asked.append(sql)
        time.sleep(0.5)
        raise OperationalError("timeout expired")

    def notify() -> int:
        with connection.execute_wrapper(fail_late):
            return _notify(service)

    assert in_parallel(6, notify) == [503] * 6
    assert 0 < len(asked) < 6


def test_a_server_that_takes_a_connection_and_says_nothing_is_left_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SERVER_TIMEOUTS["connect_timeout"] <= 10
    monkeypatch.setitem(SERVER_TIMEOUTS, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        config = database_from_url(environ.Env.db_url_config(f"postgres://u@127.0.0.1:{port}/x"))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="u", dbname="x", **config["OPTIONS"])
