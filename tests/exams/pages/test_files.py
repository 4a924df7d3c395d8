"""Files are sent only by audited views, in ranges, and with headers that prevent scripts."""

from typing import Any

import pytest
from django.db import DatabaseError
from django.urls import reverse

from audit.models import Entry
from exams.models import Capture
from tests.exams.cast import PDF, Stage, add_file, add_image, add_report, add_submission


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def get(stage: Stage, capture: Capture, *, role: str = "reviewer", **headers: str) -> Any:
    return stage.browser(role).get(reverse("capture_file", args=[capture.uuid]), headers=headers)


def test_a_whole_file_arrives_byte_for_byte(stage: Stage) -> None:
    response = get(stage, stage.film)
    content = body(response)
    assert response.status_code == 200
    assert len(content) == stage.film.size == int(response["Content-Length"])
    assert response["Content-Type"] == "video/mp4"
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == f'"{stage.film.sha256}"'


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=100-", 100, None),
        ("bytes=-5", -5, None),
        ("bytes=0-0", 0, 0),
        ("bytes=5-99999999999999999999999999", 5, None),
        ("bytes=-99999999999999999999999999", 0, None),
        ("BYTES=3-4", 3, 4),
    ],
)
def test_a_range_is_sent_as_asked(asked: str, first: int, last: int | None, stage: Stage) -> None:
    whole = body(get(stage, stage.film))
    size = len(whole)
    begin = first if first >= 0 else size + first
    end = size - 1 if last is None else last
    response = get(stage, stage.film, Range=asked)
    assert response.status_code == 206
    assert body(response) == whole[begin : end + 1]
    assert response["Content-Range"] == f"bytes {begin}-{end}/{size}"
    assert int(response["Content-Length"]) == end - begin + 1


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_a_range_outside_of_the_file_is_refused(asked: str, stage: Stage) -> None:
    response = get(stage, stage.film, Range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{stage.film.size}"
    assert body(response) == b""


@pytest.mark.parametrize(
    "asked", ["", "bytes=-", "bytes=9-3", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "bytes=٣-"]
)
def test_a_request_for_anything_but_a_single_range_gets_the_whole_file(asked: str, stage: Stage) -> None:
    response = get(stage, stage.film, Range=asked)
    assert response.status_code == 200
    assert len(body(response)) == stage.film.size


def test_a_range_of_another_version_gets_the_whole_file(stage: Stage) -> None:
    same = f'"{stage.film.sha256}"'
    assert get(stage, stage.film, **{"Range": "bytes=0-1", "If-Range": same}).status_code == 206
    assert get(stage, stage.film, **{"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


def test_a_head_request_is_answered_with_the_size_of_the_file_and_no_content(stage: Stage) -> None:
    response = stage.browser("reviewer").head(reverse("capture_file", args=[stage.film.uuid]))
    assert (response.status_code, body(response)) == (200, b"")
    assert int(response["Content-Length"]) == stage.film.size


@pytest.mark.parametrize("asked", ["", "bytes=0-3", "bytes=99999-"])
def test_no_answer_with_or_without_content_lets_a_script_run(asked: str, stage: Stage) -> None:
    response = get(stage, stage.film, Range=asked)
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "hostile",
    [
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"GIF89a;",
    ],
)
def test_a_file_of_unknown_type_is_sent_as_an_attachment_without_a_type(hostile: bytes, stage: Stage) -> None:
    capture = add_file(stage.submission, hostile)
    response = get(stage, capture)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="capture-3.bin"'


def test_images_and_loops_are_shown_inline_under_a_name_without_patient_data(stage: Stage) -> None:
    assert get(stage, stage.image)["Content-Disposition"] == 'inline; filename="capture-1.png"'
    assert get(stage, stage.film)["Content-Disposition"] == 'inline; filename="capture-2.mp4"'
    address = reverse("capture_file", args=[stage.image.uuid]) + "?download"
    saved = stage.browser("reviewer").get(address)
    assert saved["Content-Disposition"] == 'attachment; filename="capture-1.png"'


def test_a_report_is_always_sent_as_a_download(stage: Stage) -> None:
    report = add_report(stage.submission)
    response = stage.browser("clinician").get(reverse("report_file", args=[report.uuid]) + "?inline")
    assert response["Content-Disposition"].startswith('attachment; filename="report-')
    assert response["Content-Type"] == "application/pdf"
    assert body(response) == PDF


def test_a_file_that_is_gone_from_the_store_is_not_found(stage: Stage) -> None:
    Capture.objects.filter(pk=stage.image.pk).update(file="files/00/" + "0" * 64)
    assert get(stage, stage.image).status_code == 404
    Capture.objects.filter(pk=stage.image.pk).update(file="../../etc/passwd")
    assert get(stage, stage.image).status_code == 404


def test_a_capture_that_is_not_stored_has_no_file(stage: Stage) -> None:
    waiting = stage.submission.captures.create(position=9, source_key="x")
    assert get(stage, waiting).status_code == 404


def test_playing_in_many_ranges_is_one_entry_in_the_audit_log(stage: Stage) -> None:
    browser = stage.browser("clinician")
    address = reverse("capture_file", args=[stage.film.uuid])
    for asked in ("bytes=0-1", "bytes=2-9", "bytes=10-"):
        body(browser.get(address, headers={"Range": asked}))
    entries = Entry.objects.filter(action="capture.viewed", target_id=str(stage.film.uuid))
    assert [each.actor_id for each in entries] == [str(stage.people["clinician"].pk)]


def test_another_session_adds_another_entry(stage: Stage) -> None:
    for _ in range(2):
        body(get(stage, stage.film))
    assert Entry.objects.filter(action="capture.viewed").count() == 2


def test_thumbnails_count_with_their_page(stage: Stage) -> None:
    stage.browser("reviewer").get(reverse("capture_thumbnail", args=[stage.image.uuid]))
    assert not Entry.objects.filter(target_id=str(stage.image.uuid)).exists()


def test_when_the_audit_log_cannot_be_written_no_byte_is_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(Entry, "save", fail)
    browser = stage.browser("reviewer")
    browser.raise_request_exception = False
    for name, target in (("capture_file", stage.film), ("exam", stage.submission)):
        response = browser.get(reverse(name, args=[target.uuid]))
        assert response.status_code == 500
        assert b"ftyp" not in body(response)
        assert b"Zebrowska" not in body(response)


def test_the_same_bytes_in_two_exams_stay_two_captures(stage: Stage) -> None:
    other = stage.people["other clinician"].links.get().customer
    twin = add_image(add_submission(other))
    assert twin.file == stage.image.file
    assert get(stage, twin, role="clinician").status_code == 404
    assert get(stage, twin, role="other clinician").status_code == 200
