"""Captures: where each file stands. The files themselves leave through the portal's own pages."""

from django.contrib import admin

from exams.admin.base import ContentAdmin
from exams.admin.lists import PartOfSubmission
from exams.models import Capture
from foundation.adminkit.columns import LEASE_FIELDS


@admin.register(Capture)
class CaptureAdmin(PartOfSubmission, ContentAdmin):
    """Files of submissions, by state."""

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
    # The beginning of what a server sent in a file's stead.
    content_fields = ("failure_detail",)
