"""The log of calls and the offered actions, above the fields of a submission, report or poll run."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from exams.admin.actions import run_audited
from exams.admin.base import ContentAdmin
from exams.admin.lists import submission_of
from exams.models import Call
from exams.permissions import sees_all_content
from exams.services.maintenance.actions import offers

SHOWN = 50
# The fields of a call that do not have the name of their model.
ABOUT = {"pollrun": "poll_run"}


class AttemptsAdmin(ContentAdmin):
    """Shows when the Cloud was called about a row, and what came of it."""

    kept = "The newest 50, kept for 30 days."
    run_action = staticmethod(run_audited)
    change_form_outer_before_template = "exams/admin/attempts.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            about = {ABOUT.get(self.opts.model_name, self.opts.model_name): obj}
            context["submission"] = submission_of(obj)
            # The beginning of an answer may name a patient.
            context["detail"] = getattr(obj, "failure_detail", "") if sees_all_content(request.user) else ""
            context["calls"] = Call.objects.filter(**about).order_by("-id")[:SHOWN]
            context["kept"] = self.kept
            context["list_url"] = reverse(f"admin:exams_{self.opts.model_name}_changelist")
            context["offers"] = offers(obj) if self.has_operate_permission(request) else ()
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
