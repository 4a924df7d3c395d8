"""The webhook stores one row and answers 204, or refuses and stores nothing."""

import json
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client, override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exams.models import Submission
from exams.views import webhook
from foundation.crypto import lookup_digest
from integrations.models import Service
from tests.databases import inserts_fail
from tests.exams.notifying import address, claim, send
from tests.exams.rows import in_parallel, make_service, new_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_endpoints() -> None:
    webhook.endpoints.forget()


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


def test_a_notification_becomes_an_unconfirmed_row_that_is_due(service: Service) -> None:
    body = claim()
    assert send(service, body) == 204
    row = Submission.objects.get()
    assert (row.state, row.hold_reason) == ("held", "unconfirmed")
    assert str(row.request_uuid) == body["request_uuid"]
    assert row.claimed_digest == lookup_digest(body["customer_id"])
    assert row.not_before is not None
    assert row.notified_at == row.received_at
    # Nothing that the notification claims is believed.
    assert (row.customer, row.exam, row.patient, row.download_url) == (None, None, None, "")


def test_a_service_whose_secret_cannot_be_decrypted_closes_no_other_endpoint(service: Service) -> None:
    broken = make_service(slug="broken")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_service SET webhook_secret = %s WHERE id = %s", ["not encrypted", broken.pk]
        )
    assert send(service, claim()) == 204
    answer = Client().post(address(broken, secret="x" * 43), claim(), content_type="application/json")
    assert answer.status_code == 503
    assert Submission.objects.count() == 1


def test_repeats_are_acknowledged_and_change_nothing(service: Service) -> None:
    first = claim()
    assert send(service, first) == 204
    before = Submission.objects.values().get()
    assert send(service, first | {"customer_id": new_token()}) == 204
    assert Submission.objects.values().get() == before


def test_a_notification_costs_exactly_one_statement(service: Service, django_assert_num_queries: Any) -> None:
    send(service, claim())
    with django_assert_num_queries(1):
        assert send(service, claim()) == 204


def test_a_stored_notification_is_the_row_that_the_model_would_save(service: Service) -> None:
    body = claim()
    assert send(service, body) == 204
    stored = Submission.objects.get(request_uuid=body["request_uuid"])
    own = Submission.objects.create(
        service=service,
        request_uuid=uuid.uuid4(),
        claimed_digest=stored.claimed_digest,
        state=Submission.State.HELD,
        hold_reason=Submission.Hold.UNCONFIRMED,
        received_at=stored.received_at,
        notified_at=stored.notified_at,
        not_before=stored.not_before,
    )
    stored_values, model = (Submission.objects.filter(pk=each.pk).values().get() for each in (stored, own))
    for name in ("id", "uuid", "request_uuid"):
        assert stored_values.pop(name) != model.pop(name)
    assert stored_values == model


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "x/y", ""])
def test_any_content_type_will_do(service: Service, content_type: str) -> None:
    assert send(service, claim(), content_type=content_type) == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b'{"request_uuid": "\xed\xa0\x80"}',
        b"[" * 60_000,
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b'{"request_uuid": NaN, "customer_id": Infinity}',
        b"{,}",
        b'{"n": ' + b"9" * 5_000 + b"}",
        # Each quote may begin a text that never ends: a search from each of them takes a minute.
        b"{" + b'\\"' * 32_000,
    ],
    ids=lambda body: body[:12].decode("latin1"),
)
def test_a_body_that_is_not_a_json_object_is_refused(service: Service, body: bytes) -> None:
    assert send(service, body) == 400
    assert not Submission.objects.exists()


@pytest.mark.parametrize("field", ["request_uuid", "customer_id"])
@pytest.mark.parametrize(
    "value", [None, 5, True, [], {}, "", "x y", "\x00" * 36, "\ud800" * 36, "é" * 43, "a" * 5_000, " " * 40]
)
def test_malformed_fields_are_refused(service: Service, field: str, value: Any) -> None:
    assert send(service, claim(**{field: value})) == 400
    assert not Submission.objects.exists()


@pytest.mark.parametrize("field", ["request_uuid", "customer_id"])
def test_missing_fields_are_refused(service: Service, field: str) -> None:
    body = claim()
    del body[field]
    assert send(service, body) == 400


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b'"}', b'",}'),
        lambda body: body.replace(b'"}', b'", "list": [1, 2, ], \n}'),
        lambda body: body.replace(b'"}', b'", "scale": NaN, "least": -Infinity}'),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: b"\xef\xbb\xbf" + body.replace(b'"}', b'", "text": "a,}", }'),
    ],
)
def test_a_body_in_another_form_is_read(service: Service, change: Any) -> None:
    sent = claim()
    assert send(service, change(json.dumps(sent).encode())) == 204
    row = Submission.objects.get()
    assert (str(row.request_uuid), row.claimed_digest) == (
        sent["request_uuid"],
        lookup_digest(sent["customer_id"]),
    )


@pytest.mark.parametrize("token", ["twelve-chars", "with.dot~and_more", "t", "!\"#$%&'()*+,/:;<=>?@[]^`{|}"])
def test_a_uuid_without_dashes_and_every_token_of_the_list_are_taken(service: Service, token: str) -> None:
    known = uuid.uuid4()
    assert send(service, claim(request_uuid=known.hex, customer_id=token)) == 204
    row = Submission.objects.get()
    assert (row.request_uuid, row.claimed_digest) == (known, lookup_digest(token))


def test_the_address_works_with_and_without_its_last_slash(service: Service) -> None:
    bare = address(service).rstrip("/")
    assert Client().post(bare, claim(), content_type="application/json").status_code == 204


@pytest.mark.parametrize("field", ["exam_uuid", "download_url", "submitted_at"])
def test_the_other_fields_are_not_even_read(service: Service, field: str) -> None:
    assert send(service, claim(**{field: "\x00 nonsense"})) == 204


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_make_detection_fail(service: Service, body: bytes) -> None:
    assert send(service, body) in {204, 400}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request_uuid=json_values, customer_id=json_values)
def test_no_values_make_the_endpoint_fail(service: Service, request_uuid: Any, customer_id: Any) -> None:
    assert send(service, {"request_uuid": request_uuid, "customer_id": customer_id}) in {204, 400}


def test_a_body_above_64_kib_is_refused(service: Service) -> None:
    padded = claim(padding="x" * 100_000)
    assert send(service, padded) == 413
    assert send(service, claim(padding="x" * 60_000)) == 204
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 4_500, "ten", "²"])
def test_an_odd_content_length_is_refused(service: Service, length: str) -> None:
    assert send(service, claim(), CONTENT_LENGTH=length) in {400, 413}
    assert not Submission.objects.exists()


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_allowed(service: Service, method: str) -> None:
    assert getattr(Client(), method)(address(service)).status_code == 405


def test_a_wrong_secret_finds_nothing_and_writes_nothing(service: Service) -> None:
    wrong = Client().post(address(service, secret="x" * 43), json.dumps(claim()), "application/json")
    other = make_service(slug="other")
    webhook.endpoints.forget()
    swapped = Client().post(
        address(other, secret=service.webhook_secret), json.dumps(claim()), "application/json"
    )
    unknown = Client().post("/webhooks/clarius/nobody/secret/", json.dumps(claim()), "application/json")
    assert [each.status_code for each in (wrong, swapped, unknown)] == [404, 404, 404]
    assert not Submission.objects.exists()


def test_a_service_that_was_switched_off_accepts_no_notification(service: Service) -> None:
    Service.objects.update(is_active=False)
    assert send(service, claim()) == 404


def test_a_new_secret_counts_soon_and_the_old_one_no_longer(service: Service, settings: Any) -> None:
    assert send(service, claim()) == 204
    old, service.webhook_secret = service.webhook_secret, "n" * 43
    service.save()
    settings.WEBHOOK_SECRETS_SECONDS = 0
    assert send(service, claim()) == 204
    gone = Client().post(address(service, secret=old), json.dumps(claim()), "application/json")
    assert gone.status_code == 404


def test_neither_a_log_in_nor_a_csrf_token_is_needed(service: Service) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post(address(service), json.dumps(claim()), "application/json")
    assert answer.status_code == 204
    assert not answer.cookies


@override_settings(IS_HTTPS=True, SECURE_SSL_REDIRECT=True)
def test_plain_http_is_refused_rather_than_redirected(service: Service) -> None:
    assert send(service, claim()) == 403
    assert not Submission.objects.exists()
    assert send(service, claim(), secure=True) == 204


@pytest.mark.parametrize("is_atomic", [True, False])
def test_it_works_with_and_without_a_transaction_for_each_request(
    service: Service, monkeypatch: pytest.MonkeyPatch, is_atomic: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", is_atomic)
    body = claim()
    assert [send(service, body), send(service, body)] == [204, 204]
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_unavailable_database_is_a_503_without_details(
    service: Service, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    body = claim()
    away = error(f"server closed the connection near {body['customer_id']}")
    with inserts_fail(Submission, away):
        answer = Client().post(address(service), json.dumps(body), "application/json")
    assert answer.status_code == 503
    assert answer.content == b""
    assert body["customer_id"] not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_row_that_violates_a_constraint_is_never_a_silent_success() -> None:
    service = make_service()
    send(service, claim())
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_row_for_each_service ON exams_submission (service_id)")
    try:
        assert send(service, claim()) == 500
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS one_row_for_each_service")
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_threads_with_one_uuid_make_one_row() -> None:
    service = make_service()
    webhook.endpoints.forget()
    body = claim()
    answers = in_parallel(20, lambda: send(service, body))
    assert answers == [204] * 20
    assert Submission.objects.count() == 1


def test_a_database_error_of_another_kind_is_a_500(service: Service) -> None:
    with inserts_fail(Submission, DatabaseError()):
        assert send(service, claim()) == 500
