"""Store the Cloud's data about a submission: the raw answer, the patient, the list of captures."""

import re
from typing import Any

from django.utils import timezone

from audit.entries import add_entry
from exams.models import Capture, Submission
from exams.models.derived import search_text
from exams.services.exam_data import ALL_FIELDS, NO_LINK, capture_links, read_patient
from exams.services.fetch._patient_matching import match_patient
from exams.services.field_map.mapping import map_fields
from exams.services.reports.changes import notify_of_changes
from integrations.clarius import DownloadData

# A link's signature gives anyone access to the file, so it is not kept.
_LINK_QUERY = re.compile(r'("https?:(?:\\?/){2}[^"?]*|"url"\s*:\s*"[^"?]*)\?(?:[^"\\]|\\.)*(?=")')


def read_data(*, submission: Submission, data: DownloadData) -> dict[str, str]:
    """Store the data and return the link of each listed capture by its key; call it inside a transaction.

    Captures are added, never removed, and stay as they are where the answer lists none.
    """
    values = read_patient(data.patient)
    changes: dict[str, Any] = dict(values)
    has_changed = any(getattr(submission, name) != values[name] for name in ALL_FIELDS)
    if submission.customer is None:
        raise ValueError("Only a confirmed submission has a patient.")
    if submission.patient_id is None or has_changed:
        match = match_patient(
            customer=submission.customer,
            values=values,
            exam=submission.exam_id,
            never=submission.split_from_id,
        )
        changes |= {"patient": match.patient, "looks_like": match.looks_like}
        if submission.patient_id is not None:
            add_entry(action="submission.demographics_changed", target=submission)
    links = capture_links(data)
    if data.captures is not None:
        _list_captures(submission=submission, keys=list(links))
        changes["listed_count"] = len(links)
    count = Capture.objects.filter(submission=submission).count()
    Submission.objects.filter(pk=submission.pk).update(
        raw_data=mask_links(data.raw),
        search_text=search_text(Submission(**values)),
        data_read_at=timezone.now(),
        capture_count=count,
        **changes,
        **map_fields(submission=submission, raw=data.raw),
    )
    if has_changed:
        notify_of_changes(submission=submission.pk)
    return links


def mask_links(raw: str) -> str:
    """Return the answer without the queries of its links, and without characters that PostgreSQL refuses."""
    return _LINK_QUERY.sub(r"\1?…", raw).replace("\x00", "").encode("utf-8", "replace").decode()


def _list_captures(*, submission: Submission, keys: list[str]) -> None:
    rows = Capture.objects.filter(submission=submission)
    # Stands for no file: once the item has a link, it has a key of its own.
    rows.filter(source_key__startswith=NO_LINK).exclude(source_key__in=keys).delete()
    known = set(rows.values_list("source_key", flat=True))
    position = max(rows.values_list("position", flat=True), default=0)
    rows.filter(is_listed=True).exclude(source_key__in=keys).update(is_listed=False)
    rows.filter(is_listed=False, source_key__in=keys).update(is_listed=True)
    fresh = [key for key in keys if key not in known]
    Capture.objects.bulk_create(
        [
            Capture(submission=submission, position=place, source_key=key)
            for place, key in enumerate(fresh, start=position + 1)
        ]
    )
