"""Report pages: upload, check, sign once, and follow the delivery."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.roles import REVIEWERS
from audit.models import Entry
from exams import storage
from exams.media_types import PNG_SIGN
from exams.models import Report, Submission
from exams.services.reports.drafts import InvalidReport, create_draft, sign_report
from exams.services.review.claims import ClaimRefused
from integrations.models import ReviewerAccess
from tests.exams import pictures
from tests.exams.cast import PDF, Stage, add_report, add_submission, look_at_captures
from tests.exams.rows import in_parallel
from tests.people import logged_in, make_person

S = Report.State


@pytest.fixture
def reviewer(stage: Stage) -> Client:
    browser = stage.browser("reviewer")
    look_at_captures(browser, stage.submission)
    return browser


def upload(browser: Client, stage: Stage, body: bytes, file_name: str = "echo.pdf", **fields: str) -> Any:
    address = reverse("report_new", args=[stage.submission.uuid])
    file = SimpleUploadedFile(file_name, body)
    return browser.post(address, {"name": "Echo report", "file": file} | fields)


def post(browser: Client, name: str, report: Report, **fields: str) -> Any:
    return browser.post(reverse(name, args=[report.uuid]), fields, follow=True)


def test_an_upload_becomes_a_draft_and_the_next_page_names_the_patient_and_the_file(
    stage: Stage, reviewer: Client
) -> None:
    response = upload(reviewer, stage, PDF)
    report = Report.objects.get()
    assert response["Location"] == reverse("report", args=[report.uuid])
    assert (report.state, report.author) == (S.DRAFT, stage.people["reviewer"])
    with storage.open_file(report.file) as stored:
        assert stored.read() == PDF
    html = reviewer.get(response["Location"]).content.decode()
    for words in ("Ann Zebrowska", "MRN-7781", "echo.pdf", "PDF document", "45", "Sign and send"):
        assert words in html


def test_signing_makes_the_delivery_due_and_claims_the_exam(stage: Stage, reviewer: Client) -> None:
    upload(reviewer, stage, PDF)
    report = Report.objects.get()
    Report.objects.update(page_count=0)
    response = post(reviewer, "report_sign", report)
    report.refresh_from_db()
    assert report.state == S.SIGNED
    assert report.signed_at is not None
    assert report.not_before is not None
    assert Submission.objects.get(pk=stage.submission.pk).claimed_by == stage.people["reviewer"]
    assert b"The portal sends it to Clarius Cloud next." in response.content
    entry = Entry.objects.get(action="report.signed")
    assert entry.identifiers == {
        "submission": str(stage.submission.uuid),
        "sha256": report.sha256,
        "captures": "2 of 2",
    }


def test_signing_twice_signs_once_and_shows_a_message(stage: Stage, reviewer: Client) -> None:
    report = add_report(stage.submission, state=S.DRAFT, author=stage.people["reviewer"])
    post(reviewer, "report_sign", report)
    first = Report.objects.get()
    Report.objects.update(not_before=None)
    response = post(reviewer, "report_sign", report)
    second = Report.objects.get()
    assert (second.signed_at, second.not_before) == (first.signed_at, None)
    assert b"Someone else changed this report." in response.content
    assert Entry.objects.filter(action="report.signed").count() == 1


@pytest.mark.parametrize("state", [S.SENDING, S.FAILED, S.UNCERTAIN, S.DELIVERED])
def test_a_signed_report_is_not_signed_again(state: str, stage: Stage, reviewer: Client) -> None:
    report = add_report(stage.submission, state=state)
    post(reviewer, "report_sign", report)
    again = Report.objects.get()
    assert (again.state, again.signed_at, again.not_before) == (state, report.signed_at, None)


def test_of_many_signatures_at_the_same_moment_one_counts(transactional_stage: Stage) -> None:
    user = transactional_stage.people["reviewer"]
    report = add_report(transactional_stage.submission, state=S.DRAFT, author=user)
    look_at_captures(transactional_stage.browser("reviewer"), transactional_stage.submission)
    answers = in_parallel(5, lambda: sign_report(report=report, user=user, address=None))
    assert answers.count(None) == 1
    assert Entry.objects.filter(action="report.signed").count() == 1


def test_a_reviewer_without_the_claim_cannot_sign(stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(claimed_by=stage.people["reviewer"])
    second = make_person("second", REVIEWERS)
    ReviewerAccess.objects.create(user=second, service=stage.service)
    report = add_report(stage.submission, state=S.DRAFT, author=second)
    browser = logged_in(second)
    assert b"has claimed this exam" in browser.get(reverse("report", args=[report.uuid])).content
    response = post(browser, "report_sign", report)
    assert b"Rita Moreau has claimed this exam" in response.content
    assert Report.objects.get().state == S.DRAFT
    with pytest.raises(ClaimRefused):
        sign_report(report=report, user=second, address=None)


def test_a_draft_can_be_discarded_and_a_signed_report_cannot(stage: Stage, reviewer: Client) -> None:
    draft = add_report(stage.submission, state=S.DRAFT, author=stage.people["reviewer"])
    signed = add_report(stage.submission)
    post(reviewer, "report_discard", draft)
    response = post(reviewer, "report_discard", signed)
    assert list(Report.objects.all()) == [signed]
    assert b"This report is already signed." in response.content
    assert Entry.objects.filter(action="report.discarded").count() == 1


def test_a_correction_names_the_report_it_replaces(stage: Stage, reviewer: Client) -> None:
    signed = add_report(stage.submission, name="First reading")
    upload(reviewer, stage, PDF, replaces=str(signed.uuid))
    draft = Report.objects.exclude(pk=signed.pk).get()
    assert draft.replaces == signed
    assert "First reading" in reviewer.get(reverse("report", args=[draft.uuid])).content.decode()


def test_a_report_of_another_submission_cannot_be_replaced(stage: Stage, reviewer: Client) -> None:
    other = add_report(add_submission(stage.customer))
    assert upload(reviewer, stage, PDF, replaces=str(other.uuid)).status_code == 422
    upload_file = SimpleUploadedFile("echo.pdf", PDF)
    with pytest.raises(InvalidReport):
        create_draft(
            submission=stage.submission,
            author=None,
            name="x",
            upload=upload_file,
            address=None,
            replaces=other,
        )


PNG = pictures.encoded(pictures.circle(8, 8), "PNG")
JPEG = pictures.encoded(pictures.circle(300, 300), "JPEG")
HUGE = pictures.encoded(Image.new("1", (30_000, 30_000)), "PNG")


@pytest.mark.parametrize(
    ("body", "file_name", "words"),
    [
        (b"", "echo.pdf", "This file is empty"),
        (b"<html><script>", "echo.pdf", "A report must be a PDF document, or a JPEG or PNG image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "echo.png", "A report must be a PDF document"),
        (b"MZ\x90\0", "echo.exe", "A report must be a PDF document"),
        (b"PK\x03\x04", "echo.docx", "A report must be a PDF document"),
        (PNG[:-20], "echo.png", "This picture is damaged or incomplete"),
        (JPEG[: len(JPEG) // 2], "echo.jpg", "This picture is damaged or incomplete"),
        (PNG_SIGN + b"and nothing more", "echo.png", "This picture is damaged or incomplete"),
        (HUGE, "echo.png", "This picture has too many pixels"),
    ],
)
def test_a_file_of_the_wrong_kind_is_refused_with_a_sentence(
    body: bytes, file_name: str, words: str, stage: Stage, reviewer: Client
) -> None:
    response = upload(reviewer, stage, body, file_name)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("body", "file_name", "kept"),
    [
        (PDF, "echo.PDF", "echo.pdf"),
        (PNG, "echo.png", "echo.png"),
        (PDF, "echo", "echo.pdf"),
        (PDF, "Report v1.2", "Report v1.2.pdf"),
        (PDF, "a.pdf ", "a.pdf"),
        (JPEG, "scan.jfif", "scan.jpg"),
        (PNG, "echo.pdf", "echo.png"),
        (PDF, "echo.png", "echo.pdf"),
    ],
)
def test_the_bytes_of_a_file_decide_its_type_and_the_ending_that_is_sent(
    body: bytes, file_name: str, kept: str, stage: Stage, reviewer: Client
) -> None:
    assert upload(reviewer, stage, body, file_name).status_code == 302
    assert Report.objects.get().file_name == kept


def test_a_file_just_over_the_limit_is_refused_while_it_is_stored(
    stage: Stage, reviewer: Client, settings: Any
) -> None:
    settings.REPORT_MAX_MB = 1
    fits, over = PDF.ljust(1 << 20, b"\n"), PDF.ljust((1 << 20) + 1, b"\n")
    assert upload(reviewer, stage, fits).status_code == 302
    response = upload(reviewer, stage, over)
    assert response.status_code == 422
    assert "larger than 1 MB" in response.content.decode()
    assert Report.objects.count() == 1


def test_a_body_far_over_the_limit_is_refused_unread(stage: Stage, reviewer: Client, settings: Any) -> None:
    settings.REPORT_MAX_MB = 1
    address = reverse("report_new", args=[stage.submission.uuid])
    body = Unreadable()
    response = reviewer.generic("POST", address, "", "multipart/form-data; boundary=x", **body.headers)
    assert response.status_code == 413
    assert "larger than 1 MB" in response.content.decode()
    assert stage.browser("clinician").generic("POST", address, "", **body.headers).status_code == 404


class Unreadable:
    """A body that fails the test when it is read."""

    headers: Any

    def __init__(self) -> None:
        self.headers = {"CONTENT_LENGTH": str(1 << 40), "wsgi.input": self}

    def read(self, *args: Any) -> bytes:
        raise AssertionError("The body was read.")

    readline = read


def test_an_upload_needs_a_form_token(stage: Stage, reviewer: Client) -> None:
    reviewer.handler.enforce_csrf_checks = True
    assert upload(reviewer, stage, PDF).status_code == 403
    page = reviewer.get(reverse("report_new", args=[stage.submission.uuid])).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    assert upload(reviewer, stage, PDF, csrfmiddlewaretoken=token[1]).status_code == 302


def test_a_name_of_blanks_is_refused(stage: Stage, reviewer: Client) -> None:
    assert upload(reviewer, stage, PDF, name="   ").status_code == 422
    with pytest.raises(InvalidReport, match="Give the report a name"):
        create_draft(
            submission=stage.submission,
            author=None,
            name="\u202e\t",
            upload=SimpleUploadedFile("a.pdf", PDF),
            address=None,
        )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/echo.pdf", "echo.pdf"),
        ('a"b\r\nX: y.pdf', 'a"b X: y.pdf'),
        ("\u202efdp.gpj.pdf", "fdp.gpj.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("…", "….pdf"),
    ],
)
def test_a_file_name_keeps_no_path_no_control_and_no_direction(given: str, kept: str, stage: Stage) -> None:
    draft = create_draft(
        submission=stage.submission, author=None, name="Echo", upload=Named(given), address=None
    )
    assert draft.file_name == kept


class Named:
    """An upload with a name that is not cleaned."""

    def __init__(self, name: str) -> None:
        self.name = name

    def chunks(self) -> Iterator[bytes]:
        yield PDF


def test_a_full_disk_is_reported_and_creates_no_draft(stage: Stage, reviewer: Client, settings: Any) -> None:
    settings.MIN_FREE_MB = 1 << 40
    response = upload(reviewer, stage, PDF)
    assert "cannot store files right now" in response.content.decode()
    assert not Report.objects.exists()


def test_a_failed_report_shows_its_reason_and_is_sent_again_by_a_person(
    stage: Stage, reviewer: Client
) -> None:
    report = add_report(stage.submission, state=S.FAILED, failure_reason="The Cloud says: too large.")
    page = reviewer.get(reverse("report", args=[report.uuid])).content
    assert b"The Cloud says: too large." in page
    post(reviewer, "report_retry", report)
    report.refresh_from_db()
    assert report.state == S.SIGNED
    assert report.not_before is not None
    assert post(reviewer, "report_retry", report).status_code == 200


@pytest.mark.parametrize(
    ("role", "is_shown"),
    [("reviewer", True), ("administrator with content", True), ("clinician", False)],
)
def test_the_clouds_refusal_is_shown_to_reviewers_only(stage: Stage, role: str, is_shown: bool) -> None:
    report = add_report(stage.submission, state=S.FAILED, failure_detail='Rejected {"name": ["Too long."]}')
    page = stage.browser(role).get(reverse("report", args=[report.uuid])).content.decode()
    assert ("Too long." in page) is is_shown
    assert ("Response from Clarius Cloud" in page) is is_shown


def test_an_uncertain_delivery_is_resolved_by_a_person(stage: Stage, reviewer: Client) -> None:
    arrived, lost = (add_report(stage.submission, state=S.UNCERTAIN) for _ in range(2))
    page = reviewer.get(reverse("report", args=[arrived.uuid])).content
    assert b"Check in Clarius Cloud: open the exam, then Services" in page
    post(reviewer, "report_resolve", arrived, arrived="yes")
    post(reviewer, "report_resolve", lost, arrived="no")
    states = dict(Report.objects.values_list("pk", "state"))
    assert states == {arrived.pk: S.DELIVERED, lost.pk: S.SIGNED}
    assert post(reviewer, "report_resolve", lost, arrived="perhaps").status_code == 404


def test_a_page_about_a_report_on_its_way_updates_until_it_is_delivered(
    stage: Stage, reviewer: Client
) -> None:
    report = add_report(stage.submission)
    address = reverse("report", args=[report.uuid])
    assert re.search(r'hx-get="[^"]*\?seen=signed"', reviewer.get(address).content.decode())
    htmx = {"HX-Request": "true"}
    assert reviewer.get(address, {"seen": "signed"}, headers=htmx).status_code == 204
    Report.objects.update(state=S.DELIVERED)
    fragment = reviewer.get(address, {"seen": "signed"}, headers=htmx).content
    assert b"Delivered to Clarius Cloud" in fragment
    assert b"hx-get" not in fragment


def test_the_clinician_can_read_a_signed_report_but_not_resolve_its_delivery(stage: Stage) -> None:
    report = add_report(stage.submission, state=S.UNCERTAIN)
    html = stage.browser("clinician").get(reverse("report", args=[report.uuid])).content.decode()
    assert reverse("report_file", args=[report.uuid]) in html
    for words in ("It arrived", "Send again", "Correct this report"):
        assert words not in html
