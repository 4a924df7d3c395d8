"""The base class of admin pages with patient content."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.entries import record_view
from exams.admin.lists import submission_of
from exams.models import Patient
from exams.permissions import sees_all_content
from exams.services.review.shown import find_patients
from foundation.adminkit.base import PortalAdmin

# Counting millions of rows would take longer than drawing the page.
MOST_COUNTED = 10_000


def _patients_of(row: Any) -> list[str]:
    if isinstance(row, Patient):
        return [str(row.uuid)]
    submission = submission_of(row)
    return [] if submission is None else find_patients([submission.pk], with_lookalikes=True)


class CappedPaginator(Paginator):
    """A paginator that counts at most `MOST_COUNTED` rows."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return len(rows.order_by().values_list("pk")[:MOST_COUNTED])


class ContentAdmin(PortalAdmin):
    """A page that shows patient content to accounts with the permission, and audits each view."""

    paginator = CappedPaginator
    # Patient content, shown only with the permission.
    content_fields: Sequence[str] = ()
    plain_fields: Sequence[str] = ()

    def require_permission(self, request: HttpRequest, *, is_change: bool = False) -> None:
        """Raise PermissionDenied unless the account may see this page, or with `is_change` act on it."""
        if not self.has_view_permission(request) or (is_change and not self.has_operate_permission(request)):
            raise PermissionDenied

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        hidden = () if request.user.has_perm("audit.view_entry") else ("seen_by",)
        fields = (*self.plain_fields, *(self.content_fields if sees_all_content(request.user) else ()))
        return [each for each in fields if each not in hidden]

    @admin.display(description="audit log")
    def seen_by(self, row: Any) -> SafeString | str:
        """Link the entries about the patient of this row: who saw or changed what."""
        patient = row if isinstance(row, Patient) else row.patient
        if patient is None:
            return "—"
        url = f"{reverse('admin:audit_entry_changelist')}?{urlencode({'patient': patient.uuid})}"
        return format_html('<a class="underline" href="{}">Who saw this patient</a>', url)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Draw the page of a row, and audit the view if it shows patient content."""
        if obj is not None and self.content_fields and sees_all_content(request.user):
            action = f"{self.opts.model_name}.viewed"
            record_view(request, action=action, target=obj, patients=_patients_of(obj))
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
