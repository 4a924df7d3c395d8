"""The only views that send files; they check permissions, audit, answer ranges, and prevent scripts."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from audit.entries import record_view
from exams import media_types, storage
from exams.models import Capture, Report
from exams.permissions import visible_captures, visible_reports
from exams.services.review.shown import find_patients
from exams.views.media._ranges import Unsatisfiable, parse_range

# Read at a time, so that memory stays flat.
CHUNK_BYTES = 256 * 1024
ENDINGS = {
    media_types.JPEG: ".jpg",
    media_types.PNG: ".png",
    media_types.MP4: ".mp4",
    media_types.PDF: ".pdf",
    "application/dicom": ".dcm",
}


@login_required
@require_safe
def capture_file(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Send the original of a capture, byte for byte as it was received."""
    capture = get_object_or_404(visible_captures(request.user).stored(), uuid=uuid)
    _record(request, action="capture.viewed", target=capture)
    return _send(
        request,
        path=capture.file,
        media_type=capture.media_type,
        name=f"capture-{capture.position}",
        etag=capture.sha256,
        is_download="download" in request.GET,
    )


@login_required
@require_safe
def capture_thumbnail(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Send the thumbnail of a capture; the page that shows it is audited instead."""
    capture = get_object_or_404(visible_captures(request.user).exclude(thumbnail=""), uuid=uuid)
    return _send(request, path=capture.thumbnail, media_type=media_types.JPEG, name="thumbnail")


@login_required
@require_safe
def capture_preview(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Send the preview of a capture."""
    capture = get_object_or_404(visible_captures(request.user).exclude(preview=""), uuid=uuid)
    _record(request, action="capture.viewed", target=capture)
    return _send(request, path=capture.preview, media_type=media_types.JPEG, name="preview")


@login_required
@require_safe
def capture_display(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Send a capture as every browser shows it."""
    capture = get_object_or_404(visible_captures(request.user).exclude(display=""), uuid=uuid)
    _record(request, action="capture.viewed", target=capture)
    return _send(request, path=capture.display, media_type=capture.display_type, name="display")


@login_required
@require_safe
def report_file(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Send a report as a download, because browsers show no PDF under these answers' security policy."""
    report = get_object_or_404(visible_reports(request.user), uuid=uuid)
    _record(request, action="report.read", target=report)
    return _send(
        request,
        path=report.file,
        media_type=report.media_type,
        name=f"report-{str(report.uuid)[:8]}",
        etag=report.sha256,
        is_download="inline" not in request.GET,
    )


@login_required
@require_safe
def report_page(request: HttpRequest, uuid: UUID, number: int) -> HttpResponseBase:
    """Send the picture of one page of a report."""
    report = get_object_or_404(visible_reports(request.user), uuid=uuid)
    page = get_object_or_404(report.pages, number=number)
    _record(request, action="report.read", target=report)
    return _send(request, path=page.file, media_type=media_types.JPEG, name=f"page-{number}")


def _record(request: HttpRequest, *, action: str, target: Capture | Report) -> None:
    record_view(request, action=action, target=target, patients=find_patients([target.submission_id]))


def _send(
    request: HttpRequest, *, path: str, media_type: str, name: str, etag: str = "", is_download: bool = False
) -> HttpResponseBase:
    try:
        file = storage.open_file(path)
        size = storage.size(path)
    except (FileNotFoundError, ValueError) as error:
        raise Http404 from error
    tag = f'"{etag or path.rpartition("/")[2]}"'
    # The browser would join a range of a changed file to bytes of the old one.
    is_same = request.headers.get("If-Range", tag) == tag
    try:
        span = parse_range(request.headers.get("Range", "") if is_same else "", size=size)
    except Unsatisfiable:
        file.close()
        refusal = HttpResponse(status=416)
        refusal["Content-Range"] = f"bytes */{size}"
        return _secured(refusal, tag=tag)
    first, last = span or (0, size - 1)
    response = _make_response(request, file=file, first=first, count=last - first + 1)
    if span:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Length"] = str(last - first + 1)
    is_inline = media_type in media_types.INLINE and not is_download
    response["Content-Type"] = media_type if media_type in ENDINGS else media_types.UNKNOWN
    response["Content-Disposition"] = str(
        content_disposition_header(not is_inline, name + ENDINGS.get(media_type, ".bin"))
    )
    return _secured(response, tag=tag)


def _make_response(request: HttpRequest, *, file: BinaryIO, first: int, count: int) -> Any:
    if request.method == "HEAD":
        file.close()
        return HttpResponse()
    return StreamingHttpResponse(_read_range(file, first=first, count=count))


def _read_range(file: BinaryIO, *, first: int, count: int) -> Iterator[bytes]:
    with closing(file):
        file.seek(first)
        while count > 0:
            chunk = file.read(min(CHUNK_BYTES, count))
            if not chunk:
                return
            count -= len(chunk)
            yield chunk


def _secured(response: HttpResponseBase, *, tag: str) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response
