"""Make pictures of a report's pages, so that whoever signs sees what is sent, and others read it."""

import tempfile
from pathlib import Path

from django.db import transaction

from background.leases import Lease, finish
from exams import media_types
from exams.models import Report, ReportPage
from exams.services.decoder import CannotDecode, decode_file
from exams.storage import DiskFull, NotWritable, full_path, store_upload

NO_PAGES = "The pages of this document cannot be shown here. Download it to look at it."


def lacks_pages(report: Report) -> bool:
    """Tell whether a report is a document whose pages nobody has tried to make pictures of."""
    is_document = report.media_type == media_types.PDF
    return is_document and report.page_count is None and not report.page_failure


def prepare_pages(*, report: Report, lease: Lease) -> None:
    """Render the pages and give the row up; a document that cannot be read says so. Raises LeaseLost."""
    files: list[str] = []
    changes: dict[str, object] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="report-") as folder:
            facts = decode_file(source=full_path(report.file), folder=Path(folder), otherwise=NO_PAGES)
            changes["page_count"] = int(facts["page_count"])
            while (page := Path(folder) / f"page-{len(files) + 1}.jpg").exists():
                files.append(store_upload([page.read_bytes()]).path)
    except (CannotDecode, DiskFull, NotWritable, KeyError):
        changes, files = {"page_failure": NO_PAGES}, []
    with transaction.atomic():
        finish(lease=lease, **changes)
        ReportPage.objects.filter(report=report).delete()
        rows = [ReportPage(report=report, number=number, file=path) for number, path in enumerate(files, 1)]
        ReportPage.objects.bulk_create(rows)
