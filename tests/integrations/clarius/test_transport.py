"""Where the key is sent, which calls are retried, and what errors contain."""

import gzip
import json
import threading
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.clarius import ClariusClient, Secret, errors
from integrations.clarius.transport import MAX_RETRIES, Transport, retry_after, wait_seconds
from tests.integrations.clarius.servers import Call, Canary, Handler, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
LOOPBACK = ["127.0.0.1/32"]
SETTINGS = {"notification_url": "", "token_transfer_url": "", "webhook_version": 2}


def client_of(canary: Canary) -> ClariusClient:
    return ClariusClient(base_url=canary.url, api_key=KEY, allowed_networks=LOOPBACK)


def transport_of(canary: Canary) -> Transport:
    return Transport(
        base_url=canary.url, api_key=Secret(KEY), allowed_networks=LOOPBACK, sleep=lambda seconds: None
    )


def settings_answer(handler: Handler, call: Call) -> None:
    handler.reply(body=SETTINGS)


def test_every_call_sends_the_key_and_the_version_and_accepts_json() -> None:
    with serving(settings_answer) as cloud, client_of(cloud) as client:
        assert client.get_settings().extra == {"webhook_version": 2}
    headers = cloud.calls[0].headers
    assert headers["Authorization"] == f"Service-API-Key {KEY}"
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("clarius-integrator-portal/")
    assert headers["Host"] == f"127.0.0.1:{cloud.port}"


def test_no_netrc_replaces_the_key_and_no_proxy_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(settings_answer) as proxy, serving(settings_answer) as cloud, client_of(cloud) as client:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        client.get_settings()
    assert cloud.calls[0].headers["Authorization"] == f"Service-API-Key {KEY}"
    assert proxy.calls == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_and_the_key_goes_nowhere_else(status: int) -> None:
    with serving(settings_answer) as evil:

        def lead_away(handler: Handler, call: Call) -> None:
            handler.reply(status, Location=f"{evil.url}/api/public/v0/services/settings/")

        with serving(lead_away) as cloud, client_of(cloud) as client:
            with pytest.raises(errors.ProtocolError, match="redirect"):
                client.get_settings()
            with pytest.raises(errors.ProtocolError, match="redirect"):
                client.update_settings(notification_url="")
    assert evil.calls == []


@pytest.mark.parametrize(
    "template",
    [
        "http://127.0.0.1:{evil}/x",
        "http://127.0.0.1:{cloud}\\@127.0.0.1:{evil}/x",
        "http://127.0.0.1:{evil}\\@127.0.0.1:{cloud}/x",
        "http://127.0.0.1:{cloud}@127.0.0.1:{evil}/x",
        "http://127.0.0.1:{cloud}#@127.0.0.1:{evil}/x",
        "https://127.0.0.1:{cloud}/x",
        "http://localhost:{cloud}/x",
        "//127.0.0.1:{cloud}/x",
        "/api/public/v0/x",
        "ftp://127.0.0.1:{cloud}/x",
        "http://127.0.0.1:{cloud}.evil.example/x",
        "http://2130706433:{cloud}/x",
        "http://127.1:{cloud}/x",
        "http://127.0.0.1:{cloud}/x y",
        "http://127.0.0.1:{cloud}/\r\nX-Injected: 1",
        "",
    ],
)
def test_download_addresses_of_another_origin_are_never_called(template: str) -> None:
    with serving(settings_answer) as evil, serving(settings_answer) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.BlockedByPolicy):
            client.download_data(download_url=template.format(evil=evil.port, cloud=cloud.port))
    assert evil.calls == []
    assert cloud.calls == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(alphabet="\\@#?/:.%[]abc127 \t\u3002\uff0f", max_size=30),
    st.text(alphabet="\\@#?/:.%[]abc127", max_size=12),
)
def test_no_spelling_of_an_address_brings_the_key_to_another_server(head: str, tail: str) -> None:
    with serving(settings_answer) as evil, serving(settings_answer) as cloud, client_of(cloud) as client:
        for url in (
            f"http://{head}127.0.0.1:{evil.port}{tail}",
            f"{cloud.url}{head}@127.0.0.1:{evil.port}{tail}",
        ):
            try:
                client.download_data(download_url=url)
            except errors.ClariusError:
                continue
    assert evil.calls == []


@pytest.mark.parametrize(
    "base_url",
    [
        "http://cloud.example",
        "https://127.0.0.1\\@cloud.example",
        "https://u:p@cloud.example",
        "cloud.example",
    ],
)
def test_a_base_url_that_may_not_be_called_is_refused(base_url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14"]

    with pytest.raises(errors.BlockedByPolicy):
        ClariusClient(base_url=base_url, api_key=KEY, resolver=resolve).get_settings()


@pytest.mark.parametrize("status", sorted({429, 502, 503, 504}))
def test_idempotent_calls_are_retried_a_few_times(status: int) -> None:
    def fail_twice(handler: Handler, call: Call) -> None:
        if len(handler.canary.calls) <= MAX_RETRIES:
            handler.reply(status, b"<html>later</html>")
        else:
            handler.reply(body=SETTINGS)

    with serving(fail_twice) as cloud:
        answer = transport_of(cloud).call("GET", f"{cloud.url}/x")
    assert answer.json() == SETTINGS
    assert len(cloud.calls) == MAX_RETRIES + 1


@pytest.mark.parametrize(("method", "status"), [("POST", 503), ("PATCH", 502), ("GET", 500), ("GET", 400)])
def test_other_calls_and_other_statuses_are_not_retried(method: str, status: int) -> None:
    with serving(lambda handler, call: handler.reply(status)) as cloud:
        with pytest.raises(errors.ClariusError) as caught:
            transport_of(cloud).call(method, f"{cloud.url}/x", payload={} if method != "GET" else None)
    assert len(cloud.calls) == 1
    assert caught.value.status == status


@pytest.mark.parametrize(("method", "pauses"), [("GET", MAX_RETRIES), ("DELETE", MAX_RETRIES), ("POST", 0)])
def test_a_refused_connection_is_retried_for_idempotent_calls(method: str, pauses: int) -> None:
    with serving(settings_answer) as cloud:
        pass
    slept: list[float] = []
    transport = Transport(
        base_url=cloud.url, api_key=Secret(KEY), allowed_networks=LOOPBACK, sleep=slept.append
    )
    with pytest.raises(errors.Unreachable):
        transport.call(method, f"{cloud.url}/x")
    assert len(slept) == pauses


def test_a_long_wait_is_left_to_the_caller() -> None:
    with serving(lambda handler, call: handler.reply(429, Retry_After="120")) as cloud:
        with pytest.raises(errors.Throttled) as caught:
            transport_of(cloud).call("GET", f"{cloud.url}/x")
    assert len(cloud.calls) == 1
    assert caught.value.retry_after == timedelta(seconds=120)
    assert caught.value.retryable


def test_retry_after_is_read_in_both_forms_and_ignored_when_invalid() -> None:
    assert retry_after({"Retry-After": "7"}) == timedelta(seconds=7)
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == timedelta()
    until = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:27:30 GMT"}
    assert retry_after(until) == timedelta(seconds=30)
    for nonsense in ("", "soon", "-5", "1e9", "٣"):
        assert retry_after({"Retry-After": nonsense}) is None
    assert wait_seconds(retry=MAX_RETRIES, asked=None) is None
    assert wait_seconds(retry=0, asked=timedelta(seconds=6)) is None
    assert wait_seconds(retry=0, asked=timedelta(seconds=3)) == 3


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, errors.KeyRefused, False),
        (403, errors.KeyRefused, False),
        (404, errors.NotFound, False),
        (410, errors.NotFound, False),
        (400, errors.Rejected, False),
        (425, errors.Rejected, True),
        (500, errors.ServerError, True),
        (302, errors.ProtocolError, False),
    ],
)
def test_statuses_become_errors_that_tell_whether_to_retry(
    status: int, kind: type[errors.ClariusError], retryable: bool
) -> None:
    with serving(lambda handler, call: handler.reply(status, b"<html>nginx</html>")) as cloud:
        with pytest.raises(errors.ClariusError) as caught:
            transport_of(cloud).call("POST", f"{cloud.url}/x", payload={})
    assert type(caught.value) is kind
    assert (caught.value.retryable, caught.value.status) == (retryable, status)


def test_refused_fields_are_named_and_secrets_masked() -> None:
    token = "eYENW6HO4xdM0KlGO2kBXtTbD5XX1LTfdV-vYslapMY"

    def refuse(handler: Handler, call: Call) -> None:
        said = {"notification_url": ["Enter a valid URL."], "echo": f"{KEY} {token} https://x.example/?a=1"}
        handler.reply(400, said)

    with serving(refuse) as cloud, client_of(cloud) as client, pytest.raises(errors.Rejected) as caught:
        client.update_settings(notification_url="nonsense")
    assert caught.value.fields == {"notification_url": ("Enter a valid URL.",)}
    everything = f"{caught.value!r} {caught.value} {caught.value.detail}"
    for secret in (KEY, token, "x.example"):
        assert secret not in everything


def test_a_long_error_page_is_kept_in_part() -> None:
    with serving(lambda handler, call: handler.reply(500, b"a b " * 50_000)) as cloud:
        with pytest.raises(errors.ServerError) as caught, client_of(cloud) as client:
            client.get_settings()
    assert 0 < len(caught.value.detail) <= 2048


def test_an_answer_that_cannot_be_read_is_not_quoted() -> None:
    """It may hold a patient's data."""
    body = b'{"patient": {"last_name": "Zebrowska"}, "height": NaN}'
    with serving(lambda handler, call: handler.reply(body=body)) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.ProtocolError) as caught:
            client.download_data(download_url=f"{cloud.url}/api/public/v0/exams/x/data/")
    assert "Zebrowska" not in f"{caught.value} {caught.value.detail} {vars(caught.value)}"
    assert f"{len(body)} bytes" in caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        b"<html>fine</html>",
        b'{"notification_url": "", "token_transfer_url": "", "more": NaN}',
        b'{"notification_url": "", "token_transfer_url": "", "more": -Infinity}',
        b'{"notification_url": "", "token_transfer_url": "", "more": 1e999}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"notification_url": 7, "token_transfer_url": ""}',
        b'{"notification_url": ""}',
        b'{"notification_url": "\\ud800", "token_transfer_url": ""}',
        b'{"notification_url": "", "token_transfer_url": ' + b"9" * 5000 + b"}",
    ],
)
def test_answers_that_differ_from_the_documents_are_protocol_errors(body: bytes) -> None:
    with serving(lambda handler, call: handler.reply(body=body)) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.ProtocolError):
            client.get_settings()


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b" " * 200_000_000, 9)

    def explode(handler: Handler, call: Call) -> None:
        handler.reply(body=bomb, Content_Encoding="gzip")

    with serving(explode) as cloud, client_of(cloud) as client:
        tracemalloc.start()
        with pytest.raises(errors.TooLarge):
            client.get_settings()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 32 << 20


def test_a_slow_answer_ends_at_the_deadline() -> None:
    def drip(handler: Handler, call: Call) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving(drip) as cloud, pytest.raises(errors.Timeout):
        transport_of(cloud).call("POST", f"{cloud.url}/x", payload={}, total_seconds=0.4)


def test_a_server_that_sends_nothing_ends_at_the_deadline() -> None:
    release = threading.Event()
    with serving(lambda handler, call: bool(release.wait(20)) and None) as cloud:
        with pytest.raises(errors.Timeout):
            transport_of(cloud).call("GET", f"{cloud.url}/x", total_seconds=0.3)
        release.set()


def test_a_cut_answer_is_truncated_and_a_refused_connection_is_unreachable() -> None:
    def cut(handler: Handler, call: Call) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")

    with serving(cut) as cloud, pytest.raises(errors.Truncated):
        transport_of(cloud).call("POST", f"{cloud.url}/x", payload={})
    with pytest.raises(errors.Unreachable) as caught:
        transport_of(cloud).call("GET", f"{cloud.url}/x")
    assert caught.value.retryable


def test_no_error_prints_the_address_the_key_or_the_token() -> None:
    with serving(lambda handler, call: handler.hang_up()) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.Unreachable) as caught:
            list(client.exam_pages(customer_id="secret-customer-token"))
    text = f"{caught.value!r} {caught.value.detail} {caught.value.__cause__}"
    assert "secret-customer-token" not in text
    assert str(cloud.port) not in text


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="header") as caught:
        ClariusClient(base_url="https://cloud.example", api_key="abc\r\nX: y")
    assert "abc" not in str(caught.value)


def test_writes_send_json_with_only_the_given_fields() -> None:
    with serving(settings_answer) as cloud, client_of(cloud) as client:
        client.update_settings(token_transfer_url="https://portal.example/?token={token}")
        client.update_settings(notification_url="")
    first, second = (call.json() for call in cloud.calls)
    assert first == {"token_transfer_url": "https://portal.example/?token={token}"}
    assert second == {"notification_url": ""}
    assert cloud.calls[0].method == "PATCH"
    assert json.loads(cloud.calls[0].body) == first
