"""The webhook's database connection is kept; that it may have died meanwhile costs no notification."""

import socket
import time
import uuid
from typing import Any

import environ
import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from exams.models import Submission
from exams.services import hint_rows
from exams.webhooks import doors
from integrations.models import Service
from portal.databases import PATIENCE_WITH_A_SERVER, database_from_url
from tests.exams.rows import in_parallel, make_service

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


def _lose_prepared_statements() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


@pytest.fixture
def unprepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hint_rows, "_prepared", hint_rows._Prepared())


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
@pytest.mark.usefixtures("unprepared")
def test_a_connection_prepares_the_statement_once(service: Service) -> None:
    _lose_prepared_statements()
    with CaptureQueriesContext(connections["default"]) as first:
        assert _notify(service) == 204
    with CaptureQueriesContext(connections["default"]) as second:
        assert _notify(service) == 204
    verbs = [[each["sql"].split()[0] for each in found.captured_queries] for found in (first, second)]
    assert verbs[0][-2:] == ["PREPARE", "EXECUTE"]
    assert verbs[1] == ["EXECUTE"]
    assert Submission.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
@pytest.mark.usefixtures("unprepared")
def test_a_pooler_that_changes_sessions_costs_no_notification(service: Service) -> None:
    assert _notify(service) == 204
    _lose_prepared_statements()
    assert _notify(service) == 204
    with CaptureQueriesContext(connections["default"]) as found:
        assert _notify(service) == 204
    assert [each["sql"].split()[0] for each in found.captured_queries] == ["INSERT"]
    assert Submission.objects.count() == 3


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_a_session_that_has_the_statement_from_another_client_is_used(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _notify(service) == 204
    monkeypatch.setattr(hint_rows, "_prepared", hint_rows._Prepared())
    assert _notify(service) == 204
    assert Submission.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
@pytest.mark.usefixtures("unprepared")
def test_a_driver_that_leaves_values_to_the_server_costs_no_notification(
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


@pytest.mark.postgres
@pytest.mark.skipif("postgres" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
@pytest.mark.usefixtures("unprepared")
def test_the_prepared_statement_stores_what_the_plain_one_does(service: Service) -> None:
    request_uuids = [uuid.uuid4(), uuid.uuid4()]
    for request_uuid, is_lost in zip(request_uuids, (False, True), strict=True):
        hint_rows._prepared.is_lost = is_lost
        hint_rows.record_hint(service_id=service.pk, request_uuid=request_uuid, customer_id=TOKEN)
    rows = [Submission.objects.filter(request_uuid=each).values().get() for each in request_uuids]
    for row in rows:
        assert row.pop("uuid") not in request_uuids
        assert row["received_at"] == row["notified_at"] == row["not_before"]
    differing = {name for name in rows[0] if rows[0][name] != rows[1][name]}
    assert differing == {"id", "request_uuid", "received_at", "notified_at", "not_before"}


def test_another_order_of_values_is_another_statement_by_name(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for values in (hint_rows.VALUES, hint_rows.VALUES[::-1]):
        monkeypatch.setattr(hint_rows, "VALUES", values)
        names.append(hint_rows._insert.__wrapped__(connection.vendor).prepare.split()[1])
    assert names[0] != names[1]


@pytest.mark.parametrize(("is_usable", "tries"), [(False, 2), (True, 1)])
def test_only_on_a_dead_connection_is_the_insert_tried_again(
    is_usable: bool, tries: int, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _notify(service) == 204
    seen: list[int] = []

    def fail(*args: Any) -> None:
        seen.append(1)
        raise OperationalError("away")

    monkeypatch.setattr("exams.services.hint_rows._execute", fail)
    monkeypatch.setattr(connections["default"], "is_usable", lambda: is_usable)
    assert _notify(service) == 503
    assert len(seen) == tries


def test_a_database_that_answers_late_and_badly_is_waited_for_once_by_all(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail_late(**options: Any) -> None:
        asked.append(options)
        time.sleep(0.5)
        raise OperationalError("timeout expired")

    monkeypatch.setattr(Service.objects, "filter", fail_late)
    assert in_parallel(6, lambda: _notify(service)) == [503] * 6
    assert len(asked) < 6


def test_a_server_that_takes_a_connection_and_says_nothing_is_left_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert PATIENCE_WITH_A_SERVER["connect_timeout"] <= 10
    monkeypatch.setitem(PATIENCE_WITH_A_SERVER, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        config = database_from_url(environ.Env.db_url_config(f"postgres://u@127.0.0.1:{port}/x"))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="u", dbname="x", **config["OPTIONS"])
