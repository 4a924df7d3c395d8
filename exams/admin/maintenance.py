"""Work that comes back by itself: when it was done, and what came of it."""

from django.contrib import admin

from exams.admin.base import ContentAdmin
from exams.models import MaintenanceTask
from foundation.adminkit.columns import LEASE_FIELDS


@admin.register(MaintenanceTask)
class MaintenanceTaskAdmin(ContentAdmin):
    """What is done about files."""

    list_display = ("name", "done_at", "result", "not_before")
    ordering = ("name",)
    plain_fields = ("name", "done_at", "result", *LEASE_FIELDS)
