"""Certificates are checked for the requested name, whatever the address and the environment are."""

import io
import uuid
from pathlib import Path

import pytest

from integrations.clarius import ClariusClient, MediaClient, errors
from tests.integrations.clarius.certificates import self_signed
from tests.integrations.clarius.servers import Call, Handler, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
LOOPBACK = ["127.0.0.1/32"]
SETTINGS = {"notification_url": "", "token_transfer_url": ""}


def loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def client_of(host: str, port: int) -> ClariusClient:
    return ClariusClient(
        base_url=f"https://{host}:{port}", api_key=KEY, allowed_networks=LOOPBACK, resolver=loopback
    )


def settings_answer(handler: Handler, call: Call) -> None:
    handler.reply(body=SETTINGS)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A server's context for cloud.example whose certificate this machine trusts."""
    context, public = self_signed(tmp_path, host="cloud.example")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(public))
    return context


def test_a_self_signed_certificate_is_refused_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, public = self_signed(tmp_path, host="cloud.example")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(public))
    with serving(settings_answer, tls=context) as cloud, client_of("cloud.example", cloud.port) as client:
        with pytest.raises(errors.Unreachable) as caught:
            client.update_settings(notification_url="")
    assert cloud.calls == []
    assert caught.value.detail == "SSLCertVerificationError"


def test_no_report_is_sent_to_a_server_with_an_untrusted_certificate(tmp_path: Path) -> None:
    context, _ = self_signed(tmp_path, host="cloud.example")
    with serving(settings_answer, tls=context) as cloud, client_of("cloud.example", cloud.port) as client:
        with pytest.raises(errors.Unreachable):
            client.upload_report(
                request_uuid=uuid.uuid4(),
                name="Echo report",
                file=io.BytesIO(b"%PDF"),
                file_name="a.pdf",
                content_type="application/pdf",
            )
    assert cloud.calls == []


def test_a_trusted_certificate_is_accepted_for_its_own_name_only(trusted: object) -> None:
    with serving(settings_answer, tls=trusted) as cloud:
        with client_of("cloud.example", cloud.port) as client:
            assert client.get_settings().notification_url == ""
        with client_of("other.example", cloud.port) as client, pytest.raises(errors.Unreachable):
            client.update_settings(notification_url="")
    assert len(cloud.calls) == 1
    assert cloud.calls[0].headers["Host"] == f"cloud.example:{cloud.port}"


def test_a_connection_is_not_shared_between_names_at_one_address(trusted: object) -> None:
    """The second name has no certificate of its own, though a connection to its address is open."""
    with serving(settings_answer, tls=trusted) as storage:
        with MediaClient(max_bytes=99, allowed_networks=LOOPBACK, resolver=loopback) as client:
            client.download(
                f"https://cloud.example:{storage.port}/a", total_seconds=9, sink=lambda piece: None
            )
            with pytest.raises(errors.Unreachable):
                client.download(
                    f"https://other.example:{storage.port}/a", total_seconds=9, sink=lambda piece: None
                )
    assert len(storage.calls) == 1


def test_a_redirect_never_leads_from_https_to_http(trusted: object) -> None:
    with serving(lambda handler, call: handler.reply(body=b"x")) as plain:

        def lead(handler: Handler, call: Call) -> None:
            handler.reply(302, Location=f"{plain.url}/a")

        with serving(lead, tls=trusted) as storage:
            with MediaClient(max_bytes=99, allowed_networks=LOOPBACK, resolver=loopback) as client:
                with pytest.raises(errors.BlockedByPolicy):
                    client.download(
                        f"https://cloud.example:{storage.port}/a", total_seconds=9, sink=lambda piece: None
                    )
    assert len(storage.calls) == 1
    assert plain.calls == []
