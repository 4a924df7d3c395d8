"""Sending a report: streamed, once, with an explicit uncertain outcome."""

import io
import tracemalloc
import uuid
from pathlib import Path
from typing import BinaryIO

import pytest

from integrations.clarius import ClariusClient, errors
from tests.integrations.clarius.servers import Call, Canary, Handler, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
REQUEST = uuid.UUID("cf1b649c-428a-4cc2-b726-066f8a8c31a7")


def zeros(path: Path, size: int) -> BinaryIO:
    """A file of zero bytes that takes no space."""
    with path.open("wb") as file:
        file.truncate(size)
    return path.open("rb")


def send(canary: Canary, file: BinaryIO | None = None, **options: object) -> None:
    with ClariusClient(base_url=canary.url, api_key=KEY, allowed_networks=["127.0.0.1/32"]) as client:
        client.upload_report(
            request_uuid=REQUEST,
            name=options.pop("name", "Echo report"),
            file=file or io.BytesIO(b"%PDF-1.7 report"),
            file_name=options.pop("file_name", "report.pdf"),
            content_type="application/pdf",
            **options,
        )


def test_a_report_is_posted_with_its_name_and_file() -> None:
    with serving(lambda handler, call: handler.reply(201, {})) as cloud:
        send(cloud)
    (call,) = cloud.calls
    assert (call.method, call.path) == ("POST", f"/api/public/v0/services/requests/{REQUEST}/reports/")
    assert int(call.headers["Content-Length"]) == len(call.body)
    assert b'name="name"\r\n\r\nEcho report\r\n' in call.body
    assert b'name="file"; filename="report.pdf"' in call.body
    assert b"%PDF-1.7 report" in call.body


def test_the_earlier_api_is_used_only_on_request() -> None:
    with serving(lambda handler, call: handler.reply(200)) as cloud:
        send(cloud, use_put=True)
    (call,) = cloud.calls
    assert (call.method, call.path) == ("PUT", f"/api/public/v0/services/requests/{REQUEST}/report/")
    assert b'name="name"' not in call.body


@pytest.mark.parametrize("name", ['a".pdf', "a\r\nX-Injected: 1.pdf", "Befund 王伟 ü.pdf", "a;b=c.pdf"])
def test_names_cannot_leave_their_quotes(name: str) -> None:
    with serving(lambda handler, call: handler.reply(201, {})) as cloud:
        send(cloud, name=name, file_name=name)
    body = cloud.calls[0].body
    heads = [part.split(b"\r\n\r\n")[0] for part in body.split(b"--")[1:]]
    assert not any(b"X-Injected" in line for head in heads for line in head.split(b"\r\n")[2:])
    assert body.count(b"Content-Disposition") == 2


def test_nothing_is_sent_over_a_refused_connection() -> None:
    with serving(lambda handler, call: None) as cloud:
        pass
    with pytest.raises(errors.Unreachable) as caught:
        send(cloud)
    assert caught.value.retryable


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_after_the_body_leaves_the_outcome_uncertain(status: int) -> None:
    with serving(lambda handler, call: handler.reply(status, b"<html></html>")) as cloud:
        with pytest.raises(errors.UncertainOutcome):
            send(cloud)
    assert len(cloud.calls) == 1


def test_a_missing_answer_leaves_the_outcome_uncertain() -> None:
    with serving(lambda handler, call: handler.hang_up()) as cloud, pytest.raises(errors.UncertainOutcome):
        send(cloud)
    assert len(cloud.calls) == 1


def test_a_success_status_means_delivered_even_if_the_rest_of_the_answer_is_lost() -> None:
    def cut(handler: Handler, call: Call) -> None:
        handler.raw(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")

    with serving(cut) as cloud:
        send(cloud)
    assert len(cloud.calls) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Rejected),
        (403, errors.KeyRefused),
        (404, errors.NotFound),
        (413, errors.Rejected),
        (429, errors.Throttled),
        (302, errors.ProtocolError),
    ],
)
def test_a_definite_refusal_is_not_uncertain(status: int, kind: type[errors.ClariusError]) -> None:
    with serving(lambda handler, call: handler.reply(status, b"{}")) as cloud, pytest.raises(kind):
        send(cloud)
    assert len(cloud.calls) == 1


def test_a_server_in_maintenance_did_not_take_the_report() -> None:
    with serving(lambda handler, call: handler.reply(503, b"", Retry_After="60")) as cloud:
        with pytest.raises(errors.ServerError):
            send(cloud)


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    def swallow(handler: Handler, call: Call) -> None:
        left = int(call.headers["Content-Length"])
        while left:
            left -= len(handler.rfile.read(min(left, 1 << 20)))
        handler.reply(201, {})

    seen: list[None] = []
    with serving(swallow, reads_body=False) as cloud:
        tracemalloc.start()
        send(cloud, zeros(tmp_path / "a", 100 << 20), on_progress=lambda: seen.append(None))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 << 20
    assert len(seen) > 50


def test_the_progress_callback_can_stop_an_upload(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with serving(lambda handler, call: handler.reply(201, {}), reads_body=False) as cloud:
        with pytest.raises(Stop):
            send(cloud, zeros(tmp_path / "a", 10 << 20), on_progress=stop)
