"""Patients, for accounts that may see patient content, and exams by their identifiers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from exams.admin.base import ContentAdmin
from exams.models import Exam, Patient
from exams.permissions import sees_all_content
from exams.services.exam_data import ALL_FIELDS


@admin.register(Patient)
class PatientAdmin(ContentAdmin):
    """The list and page of patients; opening one is audited."""

    list_display = ("uuid", "customer", "created_at")
    list_select_related = ("customer",)
    search_fields = ("uuid", "customer__uuid")
    ordering = ("-id",)
    plain_fields = ("uuid", "customer", "created_at", "seen_by")
    readonly_fields = ("seen_by",)
    content_fields = ALL_FIELDS

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_all_content(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return sees_all_content(request.user)


@admin.register(Exam)
class ExamAdmin(ContentAdmin):
    """The list and page of exams."""

    list_display = ("exam_uuid", "customer", "created_at")
    list_select_related = ("customer",)
    search_fields = ("uuid", "exam_uuid", "customer__uuid")
    ordering = ("-id",)
    plain_fields = ("uuid", "exam_uuid", "customer", "created_at")
