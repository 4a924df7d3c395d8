"""The site of the administration: every list and page of it writes days and moments as the portal does."""

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, DateField, DateTimeField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from audit.models import Entry
from foundation.moments import day, moment
from portal.lookups import KnownRows, ShownColumns

# What a column is called to people, where its name says it to programmers.
WORDS = {
    "uuid": "identifier in this portal",
    "request_uuid": "request",
    "exam_uuid": "exam at Clarius Cloud",
    "sha256": "SHA-256",
    "is_full": "whole list",
    "is_complete": "came to its end",
    "page_count": "pages",
    "seen_count": "listed",
    "new_count": "new",
    "known_count": "known",
    "error_count": "errors",
    "remote_count": "listed at Clarius Cloud",
    "local_count": "here",
    "stored_count": "captures stored",
    "capture_count": "captures",
    "missed_pass_count": "passes that did not list it",
    "attempt_count": "attempts under way",
    "first_tried_at": "first tried",
    "not_before": "next attempt",
    "nudged_until": "given to a worker until",
    "lease_until": "held by a worker until",
    "lease_token": "times taken up by a worker",
}


class Moments(ModelAdmin):
    """Writes days and moments, which the theme does without zone and UTC, and calls columns by words."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [self._written(name) for name in super().get_list_display(request)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [self._written(name) for name in super().get_readonly_fields(request, obj)]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = super().get_fieldsets(request, obj)
        read = {each.__name__ for each in self.get_readonly_fields(request, obj) if callable(each)}
        # Whoever may not change a row reads all of it; a form that adds one has no row yet.
        is_all_read = obj is not None and not self.has_change_permission(request, obj)

        def write(name: Any) -> Any:
            if isinstance(name, (list, tuple)):
                return [write(each) for each in name]
            return self._written(name) if is_all_read or name in read else name

        return [(title, {**options, "fields": write(options["fields"])}) for title, options in fieldsets]

    def _written(self, name: Any) -> Any:
        if not isinstance(name, str) or hasattr(self, name):
            return name
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return name
        return _writer(field) if isinstance(field, DateField) or name in WORDS else name


@cache
def _writer(field: Any) -> Callable[[Any], Any]:
    """Return what writes this field, always the same for one field: the theme compares columns."""

    def write(row: Any) -> Any:
        value = getattr(row, field.name)
        if isinstance(field, DateTimeField):
            return moment(value)
        return day(value) if isinstance(field, DateField) else value

    write.__name__ = field.name
    write.short_description = WORDS.get(field.name, field.verbose_name)  # type: ignore[attr-defined]
    write.admin_order_field = field.name  # type: ignore[attr-defined]
    # A sign for yes or no, and none for a number.
    write.boolean = isinstance(field, BooleanField)  # type: ignore[attr-defined]
    return write


class History(ModelAdmin):
    """Leads from a row to what the audit log holds about it; Django's own list of changes is empty here."""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["history_url"] = _history_url(request, obj) if obj is not None else ""
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )


def _history_url(request: HttpRequest, row: Any) -> str:
    about = {"target_type": row._meta.label_lower, "target_id": str(getattr(row, "uuid", row.pk))}
    if not (request.user.has_perm("audit.view_entry") and Entry.objects.filter(**about).exists()):
        return ""
    query = urlencode({f"{name}__exact": value for name, value in about.items()})
    return f"{reverse('admin:audit_entry_changelist')}?{query}"


class PortalSite(UnfoldAdminSite):
    """The only door through which pages come into the administration, those of other packages too."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register a page, which writes moments and hides what it does not show from now on."""
        base = admin_class or ModelAdmin
        own = type(
            base.__name__,
            (Moments, History, ShownColumns, KnownRows, base),
            {"__module__": base.__module__, "__doc__": base.__doc__},
        )
        super().register(model_or_iterable, own, **options)
