"""Poll and download, at the Cloud under test."""

import json
import uuid
from itertools import islice
from urllib.parse import urlsplit

import pytest

from integrations.clarius import ClariusClient, MediaClient, Notification, errors
from tests.cloud import Cloud
from tests.contract.calls import ROOT, covers
from tests.contract.conftest import Side
from tests.contract.documents import differences, example

PAGES = 3


@covers(3)
def test_every_submission_can_be_read_whatever_the_size_of_a_page(
    client: ClariusClient, submission: Notification
) -> None:
    large = next(client.exam_pages(limit=PAGES))
    assert large.faulty == ()
    assert large.count >= len(large.results) > 0
    small = [page.results for page in islice(client.exam_pages(limit=1), PAGES)]
    assert [row for rows in small for row in rows] == list(large.results)


@covers(3)
def test_the_poll_looks_as_documented(side: Side, submission: Notification) -> None:
    assert differences(example("current/poll"), side.ask("GET", "exams/accessible/")) == []


@covers(3)
def test_submissions_can_be_listed_for_one_customer(client: ClariusClient, submission: Notification) -> None:
    page = next(client.exam_pages(customer_id=submission.customer_id))
    assert {row.customer_id for row in page.results} == {submission.customer_id}
    assert next(client.exam_pages(customer_id="nobody-has-this-token")).count == 0


@covers(3)
def test_one_exam_can_be_submitted_twice(client: ClariusClient, customer: str, sandbox: Cloud) -> None:
    first = sandbox.submit(customer=customer, is_notified=False)
    second = sandbox.submit(customer=customer, exam_uuid=first.exam_uuid, is_notified=False)
    rows = next(client.exam_pages(customer_id=customer)).results
    assert [str(row.request_uuid) for row in rows] == [second.request_uuid, first.request_uuid]
    assert {str(row.exam_uuid) for row in rows} == {first.exam_uuid}


@covers(4)
def test_the_data_of_a_submission_is_complete_and_belongs_to_it(
    client: ClariusClient, submission: Notification
) -> None:
    data = client.download_data(download_url=submission.download_url)
    assert data.request_uuid == submission.request_uuid
    assert differences(example("current/download-data") | {"patient": {}}, json.loads(data.raw)) == []
    assert all(urlsplit(capture.url).scheme in {"http", "https"} for capture in data.captures)


@covers(4)
def test_media_are_downloaded_whole_without_the_key(
    client: ClariusClient, submission: Notification, side: Side
) -> None:
    data = client.download_data(download_url=submission.download_url)
    if not data.captures:
        pytest.skip("The submission has no capture")
    received: list[bytes] = []
    media = MediaClient(allowed_networks=side.networks, max_bytes=500_000_000)
    done = media.download(data.captures[0].url, total_seconds=300, sink=received.append)
    assert done.size == sum(len(piece) for piece in received) > 0
    assert done.is_length_verified


@covers(4)
def test_the_data_of_an_unknown_submission_is_not_found(client: ClariusClient, side: Side) -> None:
    with pytest.raises(errors.NotFound):
        client.download_data(download_url=f"{side.url}{ROOT}exams/download-requests/{uuid.uuid4()}/data/")


@covers(4)
def test_agreed_extra_fields_arrive(client: ClariusClient, customer: str, sandbox: Cloud) -> None:
    slug = sandbox.call("GET", "exams/")[0]["slug"]
    extra = {"exam": {"application": "Cardiac", "score": 0.5}}
    sandbox.call(
        "POST", "submissions/", {"customer": customer, "exam": slug, "extra": extra, "notify": False}
    )
    (row,) = next(client.exam_pages(customer_id=customer)).results
    assert client.download_data(download_url=row.download_url).extra == extra
