"""`verify_files` names every file that is not as it was stored, and has it fetched or made again."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from audit.models import Entry
from background.due import is_due
from background.models import OutgoingMail
from background.runner import run
from exams import storage
from exams.models import Capture, PageRendering, Report, Submission
from exams.services.maintenance.cleaning import find_unknown_files
from exams.services.media.previews import PREVIEW
from exams.services.reports.pages import RENDER_PAGES
from tests.cloud import CloudSubmission
from tests.exams.cast import add_report
from tests.exams.conftest import Portal
from tests.people import make_person

Submit = Callable[..., CloudSubmission]
Verify = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def exam(portal: Portal, submit: Submit) -> Submission:
    """An exam with one capture, its preview, and a signed report with two pages."""
    make_person("administrator", "Administrators", is_staff=True)
    exam = portal.receive(submit(capture_count=1))
    pages = io.BytesIO()
    shades = [Image.new("RGB", (300, 420), (each, 90, 120)) for each in (10, 200)]
    shades[0].save(pages, "PDF", save_all=True, append_images=shades[1:])
    stored = storage.store_upload([pages.getvalue()])
    report = add_report(exam, file=stored.path, sha256=stored.sha256, size=stored.size)
    PageRendering.objects.create(report=report, not_before="2020-01-01T00:00:00Z")
    make_pictures()
    for name in list(find_unknown_files()):
        storage.full_path(name).unlink()
    return exam


def make_pictures() -> None:
    """Make the previews and pages that are due."""
    for model, job in ((Capture, PREVIEW), (PageRendering, RENDER_PAGES)):
        for pk in list(model.objects.filter(is_due()).values_list("pk", flat=True)):
            run(job, pk=pk)


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Return a function that runs the command and returns its exit code and its lines."""

    def verified(*options: str) -> tuple[int, list[str]]:
        code = 0
        try:
            call_command("verify_files", "--all", *options)
        except CommandError as error:
            code = error.returncode
        return code, capsys.readouterr().out.splitlines()

    return verified


def _damage(media_root: Path, path: str) -> None:
    (media_root / path).write_bytes(b"other bytes")


def _pictures() -> dict[str, str]:
    capture, report = Capture.objects.get(), Report.objects.get()
    pages = {f"page {page.number} of report {report.uuid}": page.file for page in report.pages.all()}
    of = f"of capture {capture.uuid}"
    return {f"thumbnail {of}": capture.thumbnail, f"preview {of}": capture.preview} | pages


def test_a_portal_whose_files_are_whole_exits_with_0(exam: Submission, verify: Verify) -> None:
    assert len(set(_pictures().values())) == 4
    assert verify() == (0, ["2 files checked, 0 damaged"])


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_each_picture_that_is_lost_is_named_and_made_again(
    number: int, state: str, exam: Submission, verify: Verify, media_root: Path
) -> None:
    before = _pictures()
    name, path = list(before.items())[number]
    if state == "missing":
        (media_root / path).unlink()
    else:
        _damage(media_root, path)
    code, lines = verify()
    assert (code, lines[0]) == (1, f"{state}: {name}, {path}")
    assert lines[-1] == "2 files checked, 0 damaged, 1 previews or pages damaged"
    assert OutgoingMail.objects.get().subject == "Stored pictures are damaged"
    make_pictures()
    assert _pictures() == before
    assert verify() == (0, ["2 files checked, 0 damaged"])
    assert not Entry.objects.filter(action="file.damaged").exists()


def test_a_dry_run_names_everything_and_changes_nothing(
    exam: Submission, verify: Verify, media_root: Path
) -> None:
    capture, report = Capture.objects.get(), Report.objects.get()
    (media_root / capture.file).unlink()
    _damage(media_root, report.file)
    _damage(media_root, capture.preview)
    page = report.pages.get(number=2).file
    (media_root / page).unlink()
    unknown = storage.store_upload([b"nobody names this"]).path
    for _ in range(2):
        code, lines = verify("--dry-run")
        assert code == 1
        assert sorted(lines[:-1]) == sorted(
            [
                f"missing: capture {capture.uuid}, {capture.file}",
                f"damaged: preview of capture {capture.uuid}, {capture.preview}",
                f"damaged: report {report.uuid}, {report.file}",
                f"missing: page 2 of report {report.uuid}, {page}",
                f"unknown: {unknown}",
            ]
        )
        assert lines[-1] == "2 files checked, 2 damaged, 2 previews or pages damaged, 1 unknown"
    assert not OutgoingMail.objects.exists()
    assert not Entry.objects.filter(action="file.damaged").exists()
    assert not Capture.objects.filter(is_due()).exists()
    assert not PageRendering.objects.filter(is_due()).exists()
    assert Capture.objects.get().file == capture.file
    exam.refresh_from_db()
    assert exam.not_before is None


def test_pages_of_a_damaged_report_wait_for_the_report(
    exam: Submission, verify: Verify, media_root: Path
) -> None:
    report = Report.objects.get()
    whole = (media_root / report.file).read_bytes()
    _damage(media_root, report.file)
    (media_root / report.pages.get(number=1).file).unlink()
    assert verify()[0] == 1
    assert not PageRendering.objects.filter(is_due()).exists()
    (media_root / report.file).write_bytes(whole)
    assert verify()[0] == 1
    make_pictures()
    assert verify()[0] == 0


def test_an_unknown_file_is_named_and_is_no_damage(
    exam: Submission, verify: Verify, media_root: Path
) -> None:
    unknown = storage.store_upload([b"nobody names this"]).path
    (media_root / "files/stray.txt").write_text("put here by hand")
    assert verify() == (
        0,
        [f"unknown: {unknown}", "unknown: files/stray.txt", "2 files checked, 0 damaged, 2 unknown"],
    )


def test_no_line_names_a_patient(exam: Submission, verify: Verify, media_root: Path) -> None:
    for each in list((media_root / "files").glob("*/*"))[1:]:
        _damage(media_root, str(each.relative_to(media_root)))
    exam.refresh_from_db()
    assert exam.last_name
    assert exam.last_name not in "\n".join(verify()[1])
