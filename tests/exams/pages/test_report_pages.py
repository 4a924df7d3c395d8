"""Signers see pictures of a document's pages, which a separate process makes."""

import io
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from PIL import Image

from audit.models import Entry
from background.runner import run
from exams import storage
from exams.models import PageRendering, Report
from exams.services.reports.drafts import sign_report
from exams.services.reports.pages import NO_PAGES, RENDER_PAGES, TOO_LONG
from exams.services.reports.signing import NotReadyToSign
from exams.states import Tick
from tests.exams import pictures
from tests.exams.cast import Stage, add_report, look_at_captures
from tests.exams.killing import wait_until, worker
from tests.exams.rows import ago, from_now

pytestmark = pytest.mark.django_db(transaction=True)
CASES = Path(__file__).parents[1] / "cases"


def document(pages: int, *, size: tuple[int, int] = (300, 420)) -> bytes:
    shades = [Image.new("RGB", size, (10 * number % 256, 90, 120)) for number in range(pages)]
    target = io.BytesIO()
    shades[0].save(target, "PDF", save_all=True, append_images=shades[1:])
    return target.getvalue()


def drafted(stage: Stage, content: bytes) -> Report:
    stored = storage.store_upload([content])
    report = add_report(
        stage.submission,
        state=Report.State.DRAFT,
        author=stage.people["reviewer"],
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        page_count=None,
    )
    PageRendering.objects.create(report=report, not_before=ago(seconds=1))
    return report


def render(report: Report) -> PageRendering:
    """Make the pages if they are due, and return the job's row."""
    rendering = PageRendering.objects.get(report=report)
    run(RENDER_PAGES, pk=rendering.pk)
    rendering.refresh_from_db()
    report.refresh_from_db()
    return rendering


def prepared(stage: Stage, content: bytes) -> Report:
    report = drafted(stage, content)
    render(report)
    return report


def test_every_page_becomes_a_readable_picture(stage: Stage) -> None:
    report = prepared(stage, document(3))
    assert (report.state, report.page_count, report.page_failure) == ("draft", 3, "")
    browser = stage.browser("reviewer")
    confirm = browser.get(reverse("report", args=[report.uuid])).content.decode()
    for number in (1, 2, 3):
        address = reverse("report_page", args=[report.uuid, number])
        assert address in confirm
        answer = browser.get(address)
        picture = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
        assert 1240 <= picture.width <= 1241
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert browser.get(reverse("report_page", args=[report.uuid, 4])).status_code == 404


def test_a_long_document_shows_its_beginning_and_says_so(stage: Stage) -> None:
    report = prepared(stage, document(22, size=(60, 84)))
    assert (report.page_count, report.pages.count()) == (22, 20)
    page = stage.browser("reviewer").get(reverse("report", args=[report.uuid]))
    assert "Showing 20 of 22 pages" in page.content.decode()


@pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing more", b"%PDF-1.4\n" + os.urandom(4000)])
def test_a_document_that_cannot_be_read_can_still_be_downloaded_and_signed(
    stage: Stage, content: bytes
) -> None:
    report = prepared(stage, content)
    assert "cannot be shown" in report.page_failure
    browser = stage.browser("reviewer")
    assert report.page_failure in browser.get(reverse("report", args=[report.uuid])).content.decode()
    look_at_captures(browser, stage.submission)
    sign = reverse("report_sign", args=[report.uuid])
    answer = browser.post(sign, follow=True)
    assert "confirm each statement below with a tick" in answer.content.decode()
    assert Tick.READ_OUTSIDE.label in answer.content.decode()
    assert Report.objects.get().state == "draft"
    browser.post(sign, {"tick": "read_outside"})
    report.refresh_from_db()
    assert (report.state, report.signed_ticks) == ("signed", ["read_outside"])
    assert Entry.objects.get(action="report.signed").identifiers["ticks"] == "read_outside"


def test_signing_waits_for_the_pages_and_the_refresh_enables_the_button(stage: Stage) -> None:
    report = drafted(stage, document(1))
    browser, address = stage.browser("reviewer"), reverse("report", args=[report.uuid])
    look_at_captures(browser, stage.submission)
    assert "disabled>Sign and send" in browser.get(address).content.decode()
    answer = browser.post(reverse("report_sign", args=[report.uuid]), follow=True)
    assert "still being prepared" in answer.content.decode()
    assert Report.objects.get().state == "draft"
    htmx = {"HX-Request": "true"}
    assert "Sign and send" not in browser.get(f"{address}?pages", headers=htmx).content.decode()
    render(report)
    fragment = browser.get(f"{address}?pages", headers=htmx).content.decode()
    assert 'hx-swap-oob="true"' in fragment and "disabled>" not in fragment
    assert "disabled>Sign and send" not in browser.get(address).content.decode()
    browser.post(reverse("report_sign", args=[report.uuid]))
    assert Report.objects.get().state == "signed"


def test_a_document_of_more_pages_than_are_shown_asks_for_a_tick(stage: Stage) -> None:
    report = prepared(stage, document(22, size=(60, 84)))
    user = stage.people["reviewer"]
    look_at_captures(stage.browser("reviewer"), stage.submission)
    with pytest.raises(NotReadyToSign, match="tick"):
        sign_report(report=report, user=user, address=None)
    sign_report(report=report, user=user, address=None, ticks=["read_outside"])


def page_bomb() -> bytes:
    """A document of 3 KB whose only page wants 1.5 GB."""
    stream = zlib.compress(pictures.squeezed(b" " * (1 << 20), 1500), 9)
    about = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>" % len(stream)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 420]/Contents 4 0 R>>",
        about + b"\nstream\n" + stream + b"\nendstream",
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, each) for number, each in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Size 5/Root 1 0 R>>\n%%EOF"


def test_a_document_that_ends_its_decoder_is_given_up_until_someone_retries_it(stage: Stage) -> None:
    report = prepared(stage, page_bomb())
    assert report.page_failure == NO_PAGES
    browser, address = stage.browser("reviewer"), reverse("report", args=[report.uuid])
    again = reverse("report_pages", args=[report.uuid])
    assert again in browser.get(address).content.decode()
    assert browser.post(again).status_code == 302
    page = browser.get(address).content.decode()
    assert "Preparing pages" in page and again not in page
    assert render(report).not_before is None
    assert report.page_failure == NO_PAGES
    assert Entry.objects.filter(action="report.pages_again").count() == 1


def test_a_document_that_ends_its_worker_every_time_is_given_up(stage: Stage, settings: Any) -> None:
    report = drafted(stage, document(20, size=(1200, 1600)))
    rendering = PageRendering.objects.get(report=report)
    for attempt in range(1, RENDER_PAGES.tries + 1):
        with worker("pages", rendering.pk, settings.MEDIA_ROOT) as process:
            wait_until(lambda: PageRendering.objects.filter(lease_until__isnull=False).exists(), process)
        rendering.refresh_from_db()
        report.refresh_from_db()
        assert (rendering.attempt_count, report.page_count) == (attempt, None)
        PageRendering.objects.update(lease_until=None)
    rendering = render(report)
    assert (rendering.not_before, rendering.attempt_count) == (None, 0)
    assert (report.state, report.page_failure) == ("draft", NO_PAGES)


def test_pages_that_find_no_room_wait_longer_and_longer_and_are_made_later(
    stage: Stage, settings: Any
) -> None:
    report = drafted(stage, document(1))
    settings.MIN_FREE_MB = 10**9
    assert render(report).attempt_count == 0
    assert (report.page_failure, report.page_count) == ("", None)
    PageRendering.objects.update(not_before=ago(seconds=1), first_tried_at=ago(hours=2))
    assert render(report).not_before > from_now(minutes=14)
    settings.MIN_FREE_MB = 0
    PageRendering.objects.update(not_before=ago(seconds=1))
    render(report)
    assert (report.page_failure, report.page_count) == ("", 1)


def test_preparing_pages_again_does_not_send_the_report_sooner(stage: Stage) -> None:
    report = drafted(stage, b"%PDF-1.7\nnothing more")
    render(report)
    sign_report(report=report, user=stage.people["reviewer"], address=None, by_program=True)
    Report.objects.update(not_before=from_now(hours=1), attempt_count=5)
    stage.browser("reviewer").post(reverse("report_pages", args=[report.uuid]))
    report.refresh_from_db()
    assert (report.state, report.page_failure, report.attempt_count) == ("signed", "", 5)
    assert report.not_before > from_now(minutes=59)


def test_the_page_updates_until_the_pictures_are_there(stage: Stage) -> None:
    report = drafted(stage, document(1))
    address = reverse("report", args=[report.uuid])
    browser = stage.browser("reviewer")
    assert "Preparing pages" in browser.get(address).content.decode()
    render(report)
    fragment = browser.get(f"{address}?pages", headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in fragment
    assert "Page 1 of 1" in fragment


def test_signing_while_the_pages_are_prepared_still_sends(stage: Stage) -> None:
    report = drafted(stage, document(1))
    sign_report(report=report, user=stage.people["reviewer"], address=None, by_program=True)
    report.refresh_from_db()
    assert report.not_before is not None


@pytest.mark.parametrize("state", ["sending", "delivered", "failed", "uncertain"])
def test_a_report_signed_before_its_pages_were_made_gets_them_in_any_state(stage: Stage, state: str) -> None:
    report = drafted(stage, document(2))
    sign_report(report=report, user=stage.people["reviewer"], address=None, by_program=True)
    Report.objects.update(state=state, not_before=None)
    assert render(report).not_before is None
    assert (report.state, report.page_count) == (state, 2)
    page = stage.browser("reviewer").get(reverse("report", args=[report.uuid])).content.decode()
    assert "Preparing pages" not in page


@pytest.mark.parametrize(
    ("name", "pages"), [("form-filled.pdf", 1), ("pdf-leading-newline.pdf", 1), ("pdf-one-tall-page.pdf", 3)]
)
def test_every_page_of_an_odd_document_is_shown(stage: Stage, name: str, pages: int) -> None:
    report = prepared(stage, (CASES / name).read_bytes())
    assert (report.media_type, report.page_failure) == ("application/pdf", "")
    assert (report.page_count, report.pages.count()) == (pages, pages)


def _ink(report: Report) -> int:
    """Return how many pixels of the first page are dark."""
    with storage.open_file(report.pages.get(number=1).file) as file, Image.open(file) as picture:
        return sum(picture.convert("L").histogram()[:128])


def test_what_was_filled_into_a_form_is_on_the_picture(stage: Stage) -> None:
    filled = (CASES / "form-filled.pdf").read_bytes()
    empty = filled.replace(b"/AcroForm", b"/AcroNone").replace(b"/Annots", b"/Nothin")
    assert _ink(prepared(stage, filled)) > _ink(prepared(stage, empty)) + 500


ENCRYPTED = b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>endobj
trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]/Size 5>>
%%%%EOF
""" % (b"11" * 32, b"22" * 32)


def test_a_document_with_a_password_says_so(stage: Stage) -> None:
    report = prepared(stage, ENCRYPTED)
    assert "protected with a password" in report.page_failure
    page = stage.browser("reviewer").get(reverse("report", args=[report.uuid]))
    assert report.page_failure in page.content.decode()


EMPTY = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj
trailer<</Root 1 0 R/Size 3>>
%%EOF
"""


def test_a_document_without_pages_says_so(stage: Stage) -> None:
    assert prepared(stage, EMPTY).page_failure == "The document has no pages."


def test_a_document_that_takes_too_long_says_so(stage: Stage, settings: Any) -> None:
    settings.DECODING_SECONDS = 0
    assert prepared(stage, document(1)).page_failure == TOO_LONG


def test_a_page_that_cannot_be_drawn_hides_no_other_and_is_named(stage: Stage) -> None:
    flat = document(3).replace(b"/MediaBox [ 0 0 300 420 ]", b"/MediaBox [ 0 0 300 000 ]", 1)
    report = prepared(stage, flat)
    assert (report.page_count, report.pages.count()) == (3, 3)
