"""Export a submission's original files and a manifest to a folder, for other programs."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from audit.entries import add_entry
from exams.models import Capture, Submission
from exams.services.exam_data import TEXT_FIELDS
from exams.services.review.shown import find_patients
from exams.storage import open_file

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4", "application/dicom": "dcm"}


class CannotExport(Exception):
    """The submission cannot be exported, for the reason in the message."""


def export_submission(*, submission: Submission, folder: Path, with_demographics: bool) -> dict[str, Any]:
    """Write every stored capture and `manifest.json`, and return the manifest; raises CannotExport."""
    if submission.state == Submission.State.HELD or submission.exam is None:
        raise CannotExport("The submission is held.")
    folder.mkdir(parents=True, exist_ok=True)
    captures = submission.captures.all()
    manifest: dict[str, Any] = {
        "submission": str(submission.uuid),
        "request_uuid": str(submission.request_uuid),
        "exam_uuid": str(submission.exam.exam_uuid),
        "state": submission.state,
        "submitted_at": submission.submitted_at.isoformat() if submission.submitted_at else None,
        "received_at": submission.received_at.isoformat(),
        "captures": [_export_capture(capture, folder) for capture in captures],
    }
    if with_demographics:
        manifest["patient"] = _patient(submission)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    add_entry(
        action="submission.exported",
        target=submission,
        patients=find_patients([submission.pk]),
        demographics="yes" if with_demographics else "no",
    )
    return manifest


def _export_capture(capture: Capture, folder: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"position": capture.position, "uuid": str(capture.uuid), "state": capture.state}
    if capture.state != Capture.State.STORED:
        return entry | {"file": None}
    name = f"capture-{capture.position:02d}.{_ENDINGS.get(capture.media_type, 'bin')}"
    with open_file(capture.file) as source, (folder / name).open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    with (folder / name).open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    if sha256 != capture.sha256:
        raise CannotExport(f"Capture {capture.position} has changed since it was received.")
    return entry | {"file": name, "type": capture.media_type, "size": capture.size, "sha256": sha256}


def _patient(submission: Submission) -> dict[str, str]:
    values = {name: getattr(submission, name) for name in TEXT_FIELDS}
    born = submission.date_of_birth
    values["date_of_birth"] = born.isoformat() if born else submission.date_of_birth_text
    return {name: value for name, value in values.items() if value}
