"""The base class of every admin page: read-only unless a page allows more."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.forms.widgets import Media, Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

from foundation.actions import Action
from foundation.adminkit.actions import respond, run_service
from foundation.adminkit.columns import written
from foundation.adminkit.lists import PortalList
from foundation.searching import RefusedFilter, cut_search, time_limited


class PortalAdmin(ModelAdmin):
    """A read-only list with search and filters: a change form writes every column and would undo a lease."""

    # Further permissions that a page grants: "add", "change", "delete".
    allows: Iterable[str] = ()
    # The permission to run the actions of this page; if empty, nobody may.
    operators = ""
    # The columns of the confirmation page; if empty, those of the list.
    question_columns: Sequence[str] = ()
    list_per_page = 50
    # Counting millions of rows for a headline, or for each filter, takes longer than the page itself.
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    # Lookups that links of the portal use, beside the filters of the list. All others are refused: they
    # reveal hidden columns letter by letter, and a pattern can occupy a database and its process for minutes.
    link_lookups: Sequence[str] = ()

    @property
    def media(self) -> Media:
        """The scripts of the page: those of forms, larger than all others, only where there is a form."""
        if self.allows:
            return super().media
        scripts: list[Any] = [Script("admin/js/actions.js", defer=True)]
        return Media(js=scripts)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "add" in self.allows and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "change" in self.allows and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "delete" in self.allows and super().has_delete_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may run the actions of this page."""
        return bool(self.operators) and request.user.has_perm(self.operators)

    # --- Actions ------------------------------------------------------------------------------------------

    # Runs an action on rows; pages whose actions add one audit entry each replace it.
    action_runner = staticmethod(run_service)

    def get_action(self, action: Any) -> Any:
        """Return an action that is declared as data in the form that Django runs."""
        if not isinstance(action, Action):
            return super().get_action(action)
        function: Any = partial(respond, action=action)
        function.allowed_permissions = (action.permission,)
        return function, action.name, action.button

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; an action without selected rows leads back to it."""
        is_action = request.method == "POST" and "index" in request.POST and "_save" not in request.POST
        if is_action and not request.POST.getlist(ACTION_CHECKBOX_NAME):
            messages.warning(request, "Select at least one row.")
            return HttpResponseRedirect(request.get_full_path())
        return super().changelist_view(request, extra_context)

    # --- Forms that only ask for what they add ------------------------------------------------------------

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Log nothing that does not exist yet."""
        return super().log_addition(request, obj, message) if obj.pk else None

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go back to the list if the row does not exist yet; a message of the page says what it waits for."""
        if obj.pk:
            return super().response_add(request, obj, post_url_continue)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    # --- Columns -----------------------------------------------------------------------------------------

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.written(super().get_list_display(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.written(super().get_readonly_fields(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        # Without the permission to change a row, all its fields are read-only.
        if obj is not None and not self.has_change_permission(request, obj):
            read = set(flatten_fieldsets(fieldsets))
        else:
            read = {getattr(each, "__name__", each) for each in self.get_readonly_fields(request, obj)}

        def write(name: Any) -> Any:
            if isinstance(name, (list, tuple)):
                return [write(each) for each in name]
            return self.written([name])[0] if name in read else name

        return [(title, {**options, "fields": write(options["fields"])}) for title, options in fieldsets]

    def written(self, names: Iterable[Any]) -> list[Any]:
        """Return columns in the portal's format."""
        return [written(name, owner=self, opts=self.opts) for name in names]

    # --- Filters and searches ----------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return PortalList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list that the address asks for; raises RefusedFilter."""
        try:
            with time_limited():
                return super().get_changelist_instance(request)
        except (IncorrectLookupParameters, DisallowedModelAdminLookup, DisallowedModelAdminToField) as error:
            raise RefusedFilter("The address contains a filter that this list does not have.") from error
        except (OverflowError, DataError) as error:
            raise RefusedFilter("A filter in the address has a value that no row can have.") from error

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row; an address with an empty name of a column means the primary key."""
        return super().get_object(request, object_id, from_field or None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for a bounded text; the list says so if it was cut."""
        return super().get_search_results(request, queryset, cut_search(search_term)[0])

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Refuse an action on invalid primary keys."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("The selected rows do not exist.") from error
        return super().response_action(request, queryset, *args, **kwargs)
