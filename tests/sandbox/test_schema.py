"""The OpenAPI document and the API, compared by schemathesis."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sandbox import behaviour
from sandbox.models import Application, NotificationRecord, Submission

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]
CALLS = {
    ("get", "exams/accessible/"),
    ("get", "exams/applications/"),
    ("get", "exams/download-requests/{request_uuid}/data/"),
    ("get", "download-requests/{request_uuid}/data/"),
    ("post", "services/customer-confirmations/"),
    ("get", "services/confirmed-tokens/"),
    ("post", "services/requests/{request_uuid}/reports/"),
    ("put", "services/requests/{request_uuid}/report/"),
    ("get", "services/settings/"),
    ("patch", "services/settings/"),
    ("get", "services/notifications/records/"),
    ("get", "services/api-keys/"),
    ("post", "services/api-keys/"),
    ("delete", "services/api-keys/{prefix}/"),
    ("get", "services/applications/"),
    ("get", "services/applications/{application}/"),
    ("put", "services/applications/{application}/"),
    ("delete", "services/applications/{application}/"),
}
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}

schema = schemathesis.openapi.from_wsgi(
    "/api/schema/?format=json", get_wsgi_application(), environ_base=LOCAL
)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the test's connection open between calls, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def known(one_connection: None, submit: Callable[..., Submission]) -> dict[str, Any]:
    """Identifiers of what is there, for the paths of half the calls."""
    application = Application.objects.create(name="Cardiac", annotations=[])
    for response, error in (({"status_code": 204, "content": ""}, None), (None, "timed out")):
        about = {"url": "https://example.com", "content": "{}", "response": response, "error": error}
        NotificationRecord.objects.create(sent_at=timezone.now(), logged_at=timezone.now(), **about)
    return {
        "request_uuid": str(submit(notify=False).request_uuid),
        "application": str(application.uuid),
        "prefix": behaviour.create_key(name="other")[0].prefix,
    }


@schema.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: schemathesis.Case, known: dict[str, Any], key: str) -> None:
    if len(str(case.query) + str(case.body)) % 2:
        case.path_parameters = {name: known[name] for name in case.path_parameters}
    case.call_and_validate(
        headers={"Authorization": f"Service-API-Key {key}"}, checks=CHECKS, environ_base=LOCAL
    )


def test_every_call_and_the_key_it_wants_are_documented(client: Client) -> None:
    document = client.get("/api/schema/?format=json").json()
    found = {
        (method, path.removeprefix("/api/public/v0/"))
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert found == CALLS
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    for operations in document["paths"].values():
        assert all(operation["security"] == [{"ServiceKey": []}] for operation in operations.values())


@pytest.mark.parametrize(("method", "path"), sorted(CALLS))
def test_the_refusals_of_a_call_are_given_as_documented(
    client: Client, api: Client, known: dict[str, Any], method: str, path: str
) -> None:
    documented = client.get("/api/schema/?format=json").json()["paths"][f"/api/public/v0/{path}"][method]
    url = f"/api/public/v0/{path.format(**known)}"
    answers = {
        403: client.generic(method, url),
        405: api.generic("TRACE", url),
        406: api.generic(method, url, headers={"Accept": "text/html"}),
    }
    if "requestBody" in documented:
        answers[415] = api.generic(method, url, b"text", content_type="text/plain")
    for status, answer in answers.items():
        assert (answer.status_code, list(answer.json())) == (status, ["detail"])
        assert str(status) in documented["responses"]
    assert method.upper() in answers[405]["Allow"]
