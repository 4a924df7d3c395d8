"""The calls of the client beyond the documented examples, which the contract tests cover."""

import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.clarius import ClariusClient, Notification, errors, key_problem
from integrations.clarius.__main__ import main
from integrations.clarius.schemas import AnnotationGroup, DownloadData
from tests.contract.documents import example
from tests.integrations.clarius.servers import Canary, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
ROOT = Path(__file__).parents[3]
ROW, OTHER = example("current/poll")["results"]
OTHER["submitted_at"] = "2022-10-22T01:35:22Z"
TOKEN = ROW["customer_id"]
DATA = example("current/download-data") | {
    "captures": [{"url": "https://storage.example/a", "label": "LVEF"}],
    "exam": {"application": "Cardiac"},
}
RECORD = example("current/records")["results"][0]
(LISTED,) = example("current/keys")
CREATED = example("current/key-created")
CUSTOMIZED = example("current/customized-application")
GROUP = CUSTOMIZED["annotations"][0] | {"colour": "red"}
CUSTOMIZED["annotations"] = [GROUP]
CARDIAC = CUSTOMIZED["uuid"]


def page(*results: Any, following: str | None = None, count: int | None = None) -> dict[str, Any]:
    number = len(results) if count is None else count
    return {"count": number, "next": following, "previous": None, "results": list(results)}


def client_of(canary: Canary) -> ClariusClient:
    return ClariusClient(base_url=canary.url, api_key=KEY, allowed_networks=["127.0.0.1/32"])


def answering(body: Any, status: int = 200) -> Any:
    return serving(lambda handler, call: handler.reply(status, body))


def test_submissions_are_read_with_and_without_a_fraction_of_a_second() -> None:
    with answering(page(ROW, OTHER)) as cloud, client_of(cloud) as client:
        (got,) = client.exam_pages()
    assert got.count == 2
    assert got.results[0].submitted_at == datetime(2022, 10, 22, 3, 10, 47, 231755, tzinfo=UTC)
    assert got.results[1].submitted_at == datetime(2022, 10, 22, 1, 35, 22, tzinfo=UTC)
    assert TOKEN not in repr(got)
    assert cloud.calls[0].path == "/api/public/v0/exams/accessible/?limit=100"


def test_the_customer_of_a_query_is_quoted_and_never_empty() -> None:
    with answering(page()) as cloud, client_of(cloud) as client:
        list(client.exam_pages(customer_id="a&b=c d"))
        with pytest.raises(ValueError, match="everybody"):
            list(client.exam_pages(customer_id=" "))
    assert [call.path.split("?")[1] for call in cloud.calls] == ["customer_id=a%26b%3Dc+d&limit=100"]


@pytest.mark.parametrize("name", sorted(set(ROW) - {"submitted_at"}))
@pytest.mark.parametrize("value", [None, 7, "\ud800"])
def test_a_faulty_row_is_reported_and_hides_no_other(name: str, value: Any) -> None:
    with answering(page(ROW | {name: value}, OTHER)) as cloud, client_of(cloud) as client:
        (got,) = client.exam_pages()
    assert len(got.results) == 1
    assert name in str(got.faulty[0])


def test_the_shape_from_before_request_uuids_is_a_protocol_error() -> None:
    with pytest.raises(errors.ProtocolError, match="request_uuid"):
        Notification.from_json({name: value for name, value in ROW.items() if name != "request_uuid"})


def test_download_data_keeps_undocumented_fields() -> None:
    with serving(lambda handler, call: handler.reply(body=DATA)) as cloud, client_of(cloud) as client:
        data = client.download_data(download_url=f"{cloud.url}/any/path/the/cloud/gave/")
    assert data.extra == {"exam": {"application": "Cardiac"}}
    assert data.captures is not None
    assert data.captures[0].extra == {"label": "LVEF"}
    assert json.loads(data.raw) == DATA
    assert "12345" not in repr(data)


@pytest.mark.parametrize("patient", [None, {}, [], "x", {"identifier": None}])
def test_a_patient_may_be_anything_or_nothing(patient: Any) -> None:
    data = DownloadData.from_json(DATA | {"patient": patient}, raw="{}")
    assert data.patient == (patient if isinstance(patient, dict) else {})


def test_a_token_is_confirmed_and_an_unknown_one_is_not_found() -> None:
    with answering({"token": TOKEN}) as cloud, client_of(cloud) as client:
        client.confirm_customer(token=TOKEN)
    assert cloud.calls[0].json() == {"token": TOKEN}
    with answering({"detail": "Not found."}, 404) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.NotFound):
            client.confirm_customer(token=TOKEN)


def test_tokens_and_records_may_come_as_pages_or_as_arrays() -> None:
    with answering([TOKEN, "GEMoSRSC5nQTjicaQHE2L_0_HTaPwyjsIs86R6khqHc"]) as cloud:
        with client_of(cloud) as client:
            (tokens,) = client.confirmed_token_pages()
    assert tokens.count == 2
    with answering(page(RECORD)) as cloud, client_of(cloud) as client:
        (records,) = client.notification_record_pages()
    assert (records.results[0].error, records.results[0].response) == ("timed out", None)


def test_a_created_key_is_printed_masked() -> None:
    with answering(CREATED, 201) as cloud, client_of(cloud) as client:
        created = client.create_api_key(name="My new api key")
    assert created.key.reveal() == CREATED["key"]
    assert CREATED["key"] not in repr(created)
    with answering([LISTED]) as cloud, client_of(cloud) as client:
        assert client.list_api_keys()[0].prefix == "QUgDR6JB"


def test_revoking_a_missing_key_succeeds_and_a_prefix_stays_one_part_of_the_path() -> None:
    with answering({"detail": "Not found."}, 404) as cloud, client_of(cloud) as client:
        client.revoke_api_key(prefix="a/../b")
        with pytest.raises(ValueError, match="empty"):
            client.revoke_api_key(prefix="..")
    assert cloud.calls[0].path == "/api/public/v0/services/api-keys/a%2F..%2Fb/"


def test_unknown_fields_of_annotations_survive_a_round_trip() -> None:
    with answering(CUSTOMIZED) as cloud, client_of(cloud) as client:
        read = client.get_customized_application(uuid=uuid.UUID(CARDIAC))
        assert read is not None
        client.customize_application(uuid=read.uuid, annotations=read.annotations)
    assert cloud.calls[1].json() == {"annotations": [GROUP]}
    with pytest.raises(errors.ProtocolError, match="linked"):
        AnnotationGroup.from_json(GROUP | {"linked": "false"})


def test_applications_are_listed_with_and_without_customizations() -> None:
    catalogue = [{"uuid": CARDIAC, "name": "Cardiac"}, {"uuid": str(uuid.uuid4()), "name": "Bladder"}]
    with answering(catalogue) as cloud, client_of(cloud) as client:
        assert [each.name for each in client.list_applications()] == ["Cardiac", "Bladder"]
    with answering(page(CUSTOMIZED)) as cloud, client_of(cloud) as client:
        (customized,) = client.list_customized_applications()
    assert customized.annotations[0].labels == ("LABEL1", "LABEL2")
    with answering([{"uuid": "Cardiac", "name": "Cardiac"}]) as cloud, client_of(cloud) as client:
        with pytest.raises(errors.ProtocolError, match="uuid"):
            client.list_applications()


def test_a_missing_customization_is_none_and_removing_it_is_harmless() -> None:
    with answering({"detail": "Not found."}, 404) as cloud, client_of(cloud) as client:
        assert client.get_customized_application(uuid=uuid.UUID(CARDIAC)) is None
        client.remove_customization(uuid=uuid.UUID(CARDIAC))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "No API key"),
        ("Q4nmtzH5", "prefix"),
        (f" {KEY}", "spaces"),
        (f"{KEY}\n", "spaces"),
        (f"Service-API-Key {KEY}", "without the word"),
        ("Q4nmtzH5.", "prefix"),
        ("a.b", "does not look"),
    ],
)
def test_the_problem_with_a_key_is_described_without_a_call(key: str, said: str) -> None:
    assert said in str(key_problem(key))


def test_a_documented_key_has_no_problem() -> None:
    assert key_problem(KEY) is None


def test_the_client_needs_neither_django_nor_celery() -> None:
    code = "import sys, integrations.clarius; print({'django', 'celery'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"


def test_the_command_line_prints_json_or_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(page(ROW)) as cloud:
        monkeypatch.setenv("CLARIUS_BASE_URL", cloud.url)
        monkeypatch.setenv("CLARIUS_API_KEY", KEY)
        monkeypatch.setenv("CLARIUS_ALLOWED_NETWORKS", "127.0.0.1/32")
        assert main(["exams"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["request_uuid"] == ROW["request_uuid"]
    assert main(["settings"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("CLARIUS_API_KEY", "Q4nmtzH5")
    assert main(["settings"]) == 1
    assert "CLARIUS_API_KEY" in capsys.readouterr().err
