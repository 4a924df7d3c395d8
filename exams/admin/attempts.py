"""The log of calls and the offered actions, above the fields of a submission or report."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from exams.admin.base import ReadOnlyAdmin
from exams.admin.deeds import offers
from exams.models import Call

SHOWN = 50


class AttemptsAdmin(ReadOnlyAdmin):
    """Shows when the Cloud was called about a row, and what came of it."""

    change_form_outer_before_template = "exams/admin/attempts.html"

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may set rows to work."""
        return request.user.has_perm(f"exams.operate_{self.opts.model_name}")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.model._default_manager.filter(pk=object_id).first() if object_id else None
        extra: dict[str, Any] = dict(extra_context or {})
        if row is not None:
            about = {str(self.opts.model_name): row}
            extra["calls"] = Call.objects.filter(**about).order_by("-id")[:SHOWN]
            extra["list_url"] = reverse(f"admin:exams_{self.opts.model_name}_changelist")
            extra["offers"] = offers(row) if self.has_operate_permission(request) else ()
        return super().changeform_view(request, object_id, form_url, extra)
