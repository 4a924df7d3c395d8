"""Make pictures of a report's pages, so that whoever signs sees what is sent, and others read it."""

import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.record import record
from background.jobs import schedule
from background.leases import Lease, finish, release
from exams import media_types
from exams.models import Report, ReportPage
from exams.services.decoder import CannotDecode, decode_file
from exams.services.states import NotAllowed
from exams.services.verdicts import pause
from exams.storage import DiskFull, NotWritable, full_path, store_upload

# A document that ends its worker thrice is given up.
ATTEMPTS = 3
NO_PAGES = "The pages of this document cannot be shown here. Download it to look at it."
SENT_FIRST = (Report.State.SIGNED, Report.State.SENDING)


def lacks_pages(report: Report) -> bool:
    """Tell whether a report is a document whose pages nobody has tried to make pictures of."""
    is_document = report.media_type == media_types.PDF
    return is_document and report.page_count is None and not report.page_failure


def prepare_pages(*, report: Report, lease: Lease) -> None:
    """Render the pages and give the row up; a document that cannot be read says so. Raises LeaseLost."""
    if lease.attempt > ATTEMPTS:
        finish(lease=lease, page_failure=NO_PAGES)
        return
    try:
        count, files = _render(report)
    except (CannotDecode, KeyError):
        finish(lease=lease, page_failure=NO_PAGES)
    except (DiskFull, NotWritable):
        release(
            lease=lease,
            not_before=pause(now=timezone.now(), since=report.first_tried_at),
            count_attempt=False,
            first_tried_at=F("first_tried_at"),
        )
    else:
        with transaction.atomic():
            finish(lease=lease, page_count=count)
            ReportPage.objects.filter(report=report).delete()
            rows = [
                ReportPage(report=report, number=number, file=path) for number, path in enumerate(files, 1)
            ]
            ReportPage.objects.bulk_create(rows)


def prepare_pages_again(*, report: Report, user: Any, address: str | None) -> None:
    """Try once more to make pictures of pages that could not be shown; raises NotAllowed for others."""
    rows = Report.objects.filter(pk=report.pk)
    with transaction.atomic():
        if not rows.filter(page_failure__gt="").update(page_failure=""):
            raise NotAllowed("These pages did not fail.")
        # A report on its way gets its pages once it was sent: its row keeps its time and its attempts.
        schedule(queryset=rows.exclude(state__in=SENT_FIRST))
        record(action="report.pages_again", actor=user, target=report, address=address)


def _render(report: Report) -> tuple[int, list[str]]:
    """Return how many pages there are, and the stored pictures of the first ones."""
    files: list[str] = []
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        facts = decode_file(source=full_path(report.file), folder=Path(folder), otherwise=NO_PAGES)
        while (page := Path(folder) / f"page-{len(files) + 1}.jpg").exists():
            files.append(store_upload([page.read_bytes()]).path)
    return int(facts["page_count"]), files
