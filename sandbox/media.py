"""The media origin: answers signed links like a storage service and refuses requests with a key."""

import uuid

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from sandbox.links import link_problem
from sandbox.models import Capture


@require_safe
def serve(request: HttpRequest, capture_uuid: uuid.UUID, name: str) -> HttpResponseBase:
    """Send a capture's file, or the XML error of a storage service."""
    if request.headers.get("Authorization"):
        return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
    query = {part: request.GET.get(part, "") for part in ("expires", "issued", "nonce", "signature")}
    problem = link_problem(capture_uuid=str(capture_uuid), **query)
    if problem:
        return _error(
            403, problem, "Request has expired" if problem == "AccessDenied" else "The signature is wrong"
        )
    capture = Capture.objects.filter(uuid=capture_uuid).first()
    if capture is None:
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    path = settings.SANDBOX_DIR / capture.path
    return FileResponse(path.open("rb"), content_type=capture.content_type)


def _error(status: int, code: str, message: str) -> HttpResponse:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    body = f"{head}\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return HttpResponse(body, status=status, content_type="application/xml")
