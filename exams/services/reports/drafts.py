"""Reports before they are sent: upload a draft, then sign or discard it."""

import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import from_now, schedule
from exams import media_types, storage
from exams.decoding import Problem
from exams.models import PageRendering, Report, Submission
from exams.services.media.decoder import CannotDecode, DecoderLost, decode_file
from exams.services.reports.changes import basis_digest
from exams.services.reports.signing import assess_signing, describe_basis, require_ready
from exams.services.review.claims import take_claim
from exams.services.transitions import move_reports

# The columns' lengths.
NAME_LIMIT = 100
WHAT_IS_ALLOWED = "A report must be a PDF document, or a JPEG or PNG image"
DAMAGED_PICTURE = "This picture is damaged or incomplete. Export it again, or send it as a PDF document."
PICTURE_SENTENCES: dict[int | None, str] = {
    Problem.TOO_MANY_PIXELS: "This picture has too many pixels to be shown. Make it smaller and try again.",
    Problem.TOO_SLOW: "Checking this picture took too long. Make it smaller and try again.",
}


class InvalidReport(Exception):
    """The report is refused; the message is for the reader and names no patient."""


class NotADraft(Exception):
    """The report is already signed or discarded."""


def create_draft(
    *,
    submission: Submission,
    author: User | None,
    name: str,
    upload: Any,
    address: str | None,
    replaces: Report | None = None,
    command_user: str = "",
) -> Report:
    """Store an uploaded file as a draft; `upload` has `name` and `chunks()`. Raises InvalidReport.

    Without an author, `command_user` is the system's user who runs the command.
    """
    name = _clean(name)[:NAME_LIMIT]
    if not name:
        raise InvalidReport("Give the report a name, for example “Echo report”.")
    if replaces is not None and (
        replaces.submission_id != submission.pk or replaces.state == Report.State.DRAFT
    ):
        raise InvalidReport("Only a signed report of this submission can be corrected. Choose another one.")
    stored = _store_file(upload)
    with transaction.atomic():
        report = Report.objects.create(
            submission=submission,
            author=author,
            command_user=command_user,
            replaces=replaces,
            name=name,
            file_name=_file_name(upload.name, media_type=stored.media_type),
            file=stored.path,
            sha256=stored.sha256,
            size=stored.size,
            media_type=stored.media_type,
        )
        if stored.media_type == media_types.PDF:
            PageRendering.objects.create(report=report, not_before=from_now())
        add_entry(
            action="report.drafted",
            actor=author,
            target=report,
            address=address,
            submission=str(submission.uuid),
            sha256=stored.sha256,
            **_by_command(report),
        )
    return report


def sign_report(
    *,
    report: Report,
    user: User | None,
    address: str | None,
    ticks: Collection[str] = (),
    by_program: bool = False,
) -> None:
    """Sign a draft and make its delivery due.

    A person has to have seen the pages and the captures and gives the `ticks` that are asked for. A program
    (or the command, without an account) saw nothing and confirms nothing; the log says that it signed.

    Raises NotADraft, NotReadyToSign, and ClaimRefused if a colleague has the submission.
    """
    with transaction.atomic():
        # Captures and demographics cannot change before the report is signed on them.
        submission = (
            Submission.objects.select_for_update(no_key=True).without_data().get(pk=report.submission_id)
        )
        report = Report.objects.get(pk=report.pk)
        report.submission = submission
        if report.state != Report.State.DRAFT:
            raise NotADraft("This report was signed or discarded before.")
        given: list[str] = []
        if user is not None:
            take_claim(submission=submission, user=user, address=address)
            if not by_program:
                given = require_ready(signing=assess_signing(report=report, user=user), ticks=ticks)
        drafts = Report.objects.filter(pk=report.pk, state=Report.State.DRAFT)
        basis = describe_basis(submission)
        signature = {"signed_at": timezone.now(), "signed_by": user, "signed_ticks": given}
        told = basis_digest(submission)
        if not move_reports(drafts, to=Report.State.SIGNED, told_digest=told, **signature, **basis):
            raise NotADraft("This report was signed or discarded before.")
        schedule(Report.objects.filter(pk=report.pk))
        add_entry(
            action="report.signed",
            actor=user,
            target=report,
            address=address,
            submission=str(submission.uuid),
            sha256=report.sha256,
            captures=f"{basis['signed_stored_count']} of {basis['signed_capture_count']}",
            **({"ticks": ", ".join(given)} if given else {}),
            **({"by": "program"} if by_program else {}) | _by_command(report),
        )


def discard_draft(*, report: Report, user: User, address: str | None) -> None:
    """Delete a draft; maintenance deletes its file later. Raises NotADraft."""
    with transaction.atomic():
        # Locked first: deleting selects before it deletes, and somebody may sign in between.
        draft = Report.objects.select_for_update().filter(pk=report.pk, state=Report.State.DRAFT).first()
        if draft is None:
            raise NotADraft("This report was signed or discarded before.")
        draft.delete()
        add_entry(action="report.discarded", actor=user, target=report, address=address)


def _by_command(report: Report) -> dict[str, str]:
    return {"by": "command", "system_user": report.command_user} if report.command_user else {}


def _store_file(upload: Any) -> storage.StoredFile:
    limit = settings.REPORT_MAX_MB << 20
    chunks = _limited(upload.chunks(), limit=limit)
    first = next(chunks, b"")
    if not first:
        raise InvalidReport("This file is empty.")
    # The bytes decide; the ending of the name is advice, and people name files as they like.
    if media_types.media_type_of(first[: media_types.HEAD_BYTES]) not in media_types.REPORT_TYPES:
        raise InvalidReport(f"This file has another type. {WHAT_IS_ALLOWED}.")
    try:
        stored = storage.store_upload(chain([first], chunks))
        if stored.media_type != media_types.PDF:
            _require_picture(stored)
        return stored
    except (storage.DiskFull, storage.NotWritable) as error:
        raise InvalidReport(
            "The portal cannot store files right now. Try again later, or ask an administrator."
        ) from error


def _limited(chunks: Iterator[bytes], *, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise InvalidReport(
                f"This file is larger than {settings.REPORT_MAX_MB} MB. Choose a smaller one."
            )
        if chunk:
            yield bytes(chunk)


def _require_picture(stored: storage.StoredFile) -> None:
    """Decode a picture, because a signer sees nothing of a damaged one, or only its beginning."""
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        try:
            source = storage.full_path(stored.path)
            decode_file(source=source, folder=Path(folder), otherwise=DAMAGED_PICTURE)
        except CannotDecode as error:
            raise InvalidReport(PICTURE_SENTENCES.get(error.problem, DAMAGED_PICTURE)) from error
        except DecoderLost as error:
            raise InvalidReport("The portal could not check this picture. Try again.") from error


def _file_name(name: str | None, *, media_type: str) -> str:
    ending = media_types.REPORT_TYPES[media_type][0]
    whole = _clean(PurePath((name or "").replace("\\", "/")).name).rstrip(" .")
    # Only an ending that some report has is one; "Report v1.2" has none.
    known = "|".join(each[1:] for each in chain.from_iterable(media_types.REPORT_TYPES.values()))
    stem = re.sub(rf"\.({known})$", "", whole, flags=re.IGNORECASE).strip(" .") or "report"
    return stem[: NAME_LIMIT - len(ending)] + ending


def _clean(text: str) -> str:
    """Drop characters that are not printed (control, direction, unassigned) and fold white space."""
    printed = (" " if each.isspace() else each for each in text)
    kept = (each for each in printed if unicodedata.category(each)[0] != "C")
    return " ".join("".join(kept).split())
