"""Files for the sandbox's own pages; the service gets captures from the media origin only."""

import uuid

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from sandbox.models import Capture, Report
from sandbox.seed.exams import get_exam

# Any other type might be a page with a script.
SHOWN = {"image/jpeg", "image/png", "image/webp", "video/mp4"}


@require_safe
def thumbnail(request: HttpRequest, slug: str) -> FileResponse:
    """Send the thumbnail of a seeded exam."""
    try:
        exam = get_exam(slug)
    except KeyError:
        raise Http404("This exam does not exist.") from None
    response = _file(exam.thumbnail, content_type="image/jpeg")
    response.headers["Cache-Control"] = "max-age=3600"
    return response


@require_safe
def capture(request: HttpRequest, uuid: uuid.UUID) -> FileResponse:
    """Send a capture, as a download unless it is a picture or a video."""
    row = get_object_or_404(Capture, uuid=uuid)
    is_shown = row.content_type in SHOWN
    return _file(
        row.path,
        content_type=row.content_type if is_shown else "application/octet-stream",
        as_attachment=not is_shown,
        filename=row.name,
    )


@require_safe
def report(request: HttpRequest, uuid: uuid.UUID) -> FileResponse:
    """Send a report as it was received."""
    row = get_object_or_404(Report, uuid=uuid)
    return _file(
        row.path,
        content_type="application/octet-stream",
        as_attachment=True,
        filename=row.file_name,
    )


def _file(path: str, *, content_type: str, as_attachment: bool = False, filename: str = "") -> FileResponse:
    try:
        file = (settings.SANDBOX_DIR / path).open("rb")
    except OSError:
        raise Http404("This file no longer exists.") from None
    return FileResponse(file, content_type=content_type, as_attachment=as_attachment, filename=filename)
