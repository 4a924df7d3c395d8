"""Captures by state. Their files are served by the portal's own pages only."""

from django.contrib import admin

from exams.admin.base import ContentAdmin
from exams.admin.lists import PartOfSubmission
from exams.models import Capture
from foundation.adminkit.columns import LEASE_FIELDS


@admin.register(Capture)
class CaptureAdmin(PartOfSubmission, ContentAdmin):
    """The list and page of captures."""

    list_display = (
        "of_request",
        "position",
        "of_customer",
        "of_service",
        "state",
        "kind",
        "size",
        "stored_at",
    )
    list_filter = ("state", "kind")
    list_select_related = ("submission__customer", "submission__service")
    ordering = ("-id",)
    plain_fields = (
        "uuid",
        "submission",
        "position",
        "state",
        "failure_reason",
        "kind",
        "media_type",
        "size",
        "sha256",
        "stored_at",
        "width",
        "height",
        "frame_count",
        "duration_ms",
        "codec",
        "colour_model",
        "pixel_aspect",
        "rotation",
        "is_lossy",
        "preview_failure",
        *LEASE_FIELDS,
    )
    # May quote the beginning of a response that was not a file.
    content_fields = ("failure_detail",)
