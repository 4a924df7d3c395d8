"""The call log and the actions above the fields of a submission, report or poll run."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from exams.admin.actions import run_audited
from exams.admin.base import ContentAdmin
from exams.admin.lists import submission_of
from exams.models import Call
from exams.permissions import sees_all_content
from exams.services.maintenance.actions import offers

# Calls shown; the log keeps more.
SHOWN = 50
# Foreign keys of a call that are not named like their model.
ABOUT = {"pollrun": "poll_run"}


class AttemptsAdmin(ContentAdmin):
    """A page of a row with its calls to Clarius Cloud and their results."""

    kept = "The newest 50, kept for 30 days."
    action_runner = staticmethod(run_audited)
    change_form_outer_before_template = "exams/fetch/attempts.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            about = {ABOUT.get(self.opts.model_name, self.opts.model_name): obj}
            context["submission"] = submission_of(obj)
            # The detail may quote the beginning of a response, and with it a patient.
            context["detail"] = getattr(obj, "failure_detail", "") if sees_all_content(request.user) else ""
            context["calls"] = Call.objects.filter(**about).order_by("-id")[:SHOWN]
            context["kept"] = self.kept
            context["list_url"] = reverse(f"admin:exams_{self.opts.model_name}_changelist")
            context["offers"] = offers(obj) if self.has_operate_permission(request) else ()
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
