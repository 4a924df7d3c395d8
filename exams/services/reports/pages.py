"""Make pictures of a report's pages, so that signers can check it and others can read it in a browser."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from audit.entries import add_entry
from background.backoff import Backoff
from background.due import schedule
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome
from exams.decoding import Problem
from exams.models import PageRendering, Report, ReportPage
from exams.services.media.decoder import CannotDecode, DecoderLost, decode_file
from exams.services.transitions import NotAllowed
from exams.storage import DiskFull, NotWritable, full_path, store_upload

NO_PAGES = "The pages of this document cannot be shown here. Download it to read it."
TOO_LONG = "Drawing the pages of this document takes too long. Download it to read it."
HIDDEN = "Not every page of this document can be shown here. Download it to read all of them."


def prepare_pages_again(*, report: Report, user: Any, address: str | None) -> None:
    """Make page pictures due again that could not be made; raises NotAllowed for other reports."""
    with transaction.atomic():
        if not Report.objects.filter(pk=report.pk, page_failure__gt="").update(page_failure=""):
            raise NotAllowed("These pages did not fail.")
        schedule(PageRendering.objects.filter(report=report))
        add_entry(action="report.pages_again", actor=user, target=report, address=address)


def _prepare(rendering: PageRendering, hold: Hold) -> Outcome:
    report = rendering.report
    try:
        facts, files = _render(report)
        count, hidden = int(facts["page_count"]), len(facts["hidden_pages"])
    except CannotDecode as error:
        is_slow = error.problem == Problem.TOO_SLOW
        return _give_up(rendering, TOO_LONG if is_slow else str(error))
    except (KeyError, TypeError, ValueError):
        return _give_up(rendering)
    except DecoderLost:
        return Later(Backoff(), counts=True)
    except (DiskFull, NotWritable):
        return Later(Backoff())
    return Done(effect=lambda: _store_pages(report, count, files, HIDDEN if hidden else ""))


def _render(report: Report) -> tuple[dict[str, Any], list[str]]:
    """Return the facts about the document, and the stored pictures of its first pages."""
    files: list[str] = []
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        facts = decode_file(source=full_path(report.file), folder=Path(folder), otherwise=NO_PAGES)
        while (page := Path(folder) / f"page-{len(files) + 1}.jpg").exists():
            files.append(store_upload([page.read_bytes()]).path)
    return facts, files


def _store_pages(report: Report, count: int, files: list[str], failure: str) -> None:
    Report.objects.filter(pk=report.pk).update(page_count=count, page_failure=failure)
    ReportPage.objects.filter(report=report).delete()
    rows = [ReportPage(report=report, number=number, file=path) for number, path in enumerate(files, 1)]
    ReportPage.objects.bulk_create(rows)


def _give_up(rendering: PageRendering, sentence: str = NO_PAGES) -> Done:
    reports = Report.objects.filter(pk=rendering.report_id)

    def store() -> None:
        reports.update(page_failure=sentence)

    return Done(effect=store)


RENDER_PAGES = Job(
    name="exams.render_pages",
    model=PageRendering,
    work=_prepare,
    # The decoder has its own time limit; this leaves room for storing the pictures.
    deadline=timedelta(minutes=2),
    # A document that ends its worker three times is given up.
    tries=3,
    # The report can be signed when they are there.
    is_urgent=True,
    related=("report",),
    applies=lambda rendering: rendering.report.page_count is None,
    exhausted=lambda rendering, hold, last: _give_up(rendering),
)
