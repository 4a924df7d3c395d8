"""The report upload, in both editions."""

import hashlib
import io
import uuid

import pytest

from integrations.clarius import ClariusClient, Notification, errors
from tests.cloud import Cloud
from tests.contract.calls import covers

PDF = b"%PDF-1.4\n% a contract test\n%%EOF\n"


def send(client: ClariusClient, request_uuid: uuid.UUID, *, use_put: bool = False, **changes: object) -> None:
    about: dict[str, object] = {"name": "Contract test", "file": io.BytesIO(PDF), "file_name": "contract.pdf"}
    client.upload_report(
        request_uuid=request_uuid, content_type="application/pdf", use_put=use_put, **{**about, **changes}
    )


@covers(7)
def test_a_report_is_accepted_for_a_submission(
    client: ClariusClient, submission: Notification, writing: None
) -> None:
    client.upload_report(
        request_uuid=submission.request_uuid,
        name="Contract test",
        file=io.BytesIO(PDF),
        file_name="contract.pdf",
        content_type="application/pdf",
    )
    with pytest.raises(errors.NotFound):
        send(client, uuid.uuid4())


@covers(7)
@pytest.mark.parametrize("name", ["Echo", 'Echo "v2"', "Bericht für 王伟", "a\r\nb", "Echo v2 – addendum"])
def test_reports_arrive_unchanged_under_their_names(
    client: ClariusClient, submission: Notification, sandbox: Cloud, name: str
) -> None:
    send(client, submission.request_uuid, name=name, file_name='re"port ü.pdf')
    send(client, submission.request_uuid, name="Second")
    second, first = sandbox.reports(request_uuid=str(submission.request_uuid))
    assert (first.name, second.name) == (name, "Second")
    # Quoted the way browsers do; Django does not unquote it.
    assert first.file_name == "re%22port ü.pdf"
    assert first.content_type == "application/pdf"
    assert {first.sha256, second.sha256} == {hashlib.sha256(PDF).hexdigest()}


@covers(7)
def test_the_earlier_api_keeps_one_file_without_a_name(
    client: ClariusClient, submission: Notification, sandbox: Cloud
) -> None:
    send(client, submission.request_uuid, use_put=True)
    send(client, submission.request_uuid, use_put=True, file=io.BytesIO(PDF + b"2"))
    (report,) = sandbox.reports(request_uuid=str(submission.request_uuid))
    assert (report.name, report.size) == ("", len(PDF) + 1)


@covers(7)
def test_the_faulty_fields_of_a_report_are_named(
    client: ClariusClient, submission: Notification, sandbox: Cloud
) -> None:
    with pytest.raises(errors.Rejected) as empty:
        send(client, submission.request_uuid, file=io.BytesIO(b""))
    with pytest.raises(errors.Rejected) as long:
        send(client, submission.request_uuid, file_name="x" * 101 + ".pdf")
    assert list(empty.value.fields) == list(long.value.fields) == ["file"]
    assert sandbox.reports() == []


@covers(7)
def test_a_report_that_was_stored_without_an_answer_is_uncertain(
    client: ClariusClient, submission: Notification, sandbox: Cloud
) -> None:
    sandbox.fault(match="report", kind="cut_after")
    with pytest.raises(errors.UncertainOutcome):
        send(client, submission.request_uuid)
    assert len(sandbox.reports()) == 1
