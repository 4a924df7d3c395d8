"""Recurring maintenance tasks, their last run and its result."""

from django.contrib import admin

from exams.admin.base import ContentAdmin
from exams.models import MaintenanceTask
from foundation.adminkit.columns import LEASE_FIELDS


@admin.register(MaintenanceTask)
class MaintenanceTaskAdmin(ContentAdmin):
    """The list and page of maintenance tasks."""

    list_display = ("name", "done_at", "result", "not_before")
    ordering = ("name",)
    plain_fields = ("name", "done_at", "result", *LEASE_FIELDS)
