"""Accounts, groups and invitations; nobody gives rights that they do not have."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import pluralize
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from accounts.forms import InvitationForm
from accounts.models import Invitation, User
from accounts.services.invitations import send_invitation
from accounts.services.rights import grantable_groups, note_account_change
from foundation.address import client_address


def _enter(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Open the first page: whoever comes here has logged in."""
    return redirect("admin:index")


def _change_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Lead to the portal's own page, whose change is mailed to the account."""
    return redirect("account_change_password")


# One door for everybody, allauth's, with its limits: Django's forms take any number of guesses.
admin.site.login = secure_admin_login(_enter)  # type: ignore[method-assign]
admin.site.password_change = _change_password  # type: ignore[assignment, method-assign]
admin.site.unregister([Group, EmailAddress])


@admin.register(User)
class AccountAdmin(UserAdmin, ModelAdmin):
    """Accounts; administrators switch them on and off and choose roles, the rest is the superuser's."""

    form = UserChangeForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "first_name", "last_name", "uuid")
    ordering = ("email",)
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "timezone", "uuid")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    always_read = ("uuid", "timezone", "last_login", "date_joined")
    # Whoever changes another's address can take the account over by a new password.
    read_by_administrators = ("email", "is_staff", "is_superuser")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People are invited: their address is proven and they choose their own password."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Accounts are switched off; their links and reports stay theirs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Leave to administrators what gives no rights beyond their own."""
        is_own = obj is not None and obj.pk == request.user.pk
        if request.user.is_superuser:
            return self.always_read
        own = ("is_active", "groups") if is_own else ()
        return (*self.always_read, *self.read_by_administrators, *own)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = grantable_groups(user=request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the columns of the form only, and audit which they were."""
        with transaction.atomic():
            columns = [name for name in form.changed_data if name != "groups"]
            if columns:
                obj.save(update_fields=columns)
            note_account_change(
                user=obj, fields=form.changed_data, actor=request.user, address=client_address(request)
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Keep the groups that this administrator could not choose."""
        kept = list(form.instance.groups.exclude(pk__in=grantable_groups(user=request.user)))
        super().save_related(request, form, formsets, change)
        form.instance.groups.add(*kept)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Leave other people's passwords to the superuser: people choose a new one by e-mail."""
        if not request.user.is_superuser:
            return self._get_obj_does_not_exist_redirect(request, self.opts, id)
        return super().user_change_password(request, id, form_url)


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):
    """Roles and what they may do."""


@admin.register(EmailAddress)
class EmailAddressAdmin(ModelAdmin):
    """Addresses and whether they were proven; changed by their owners only."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    search_fields = ("email",)
    fields = ("email", "user", "verified", "primary")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    """Invitations; the code stays in the mail."""

    form = InvitationForm
    list_display = ("email", "is_reviewer", "invited_by", "created_at", "expires_at", "accepted_at")
    list_filter = ("is_reviewer", ("accepted_at", admin.EmptyFieldListFilter))
    search_fields = ("email",)
    ordering = ("-created_at",)
    readonly_fields = ("invited_by", "created_at", "expires_at", "accepted_at")
    actions = ("send_again",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for what is chosen; the rest is known afterwards."""
        return ("email", "is_reviewer", *(self.readonly_fields if obj else ()))

    def response_add(
        self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None
    ) -> Any:
        """Say what happens now, and the step that a new reviewer still needs."""
        until = timezone.localtime(obj.expires_at)
        text = f"{obj.email} is mailed a link that works until {until:%d %b %Y}."
        if obj.is_reviewer:
            text += " A reviewer sees no exam before you grant a service under Reviewer access."
        messages.success(request, text)
        return redirect(
            "admin:accounts_invitation_" + ("add" if "_addanother" in request.POST else "changelist")
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An invitation is sent or withdrawn: another address is another invitation."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            obj.invited_by = request.user
            super().save_model(request, obj, form, change)
            send_invitation(invitation=obj, actor=request.user, address=client_address(request))  # type: ignore[arg-type]

    @admin.action(description="Send the mail again", permissions=["add"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Mail pending invitations again."""
        waiting = list(queryset.filter(accepted_at=None))
        for invitation in waiting:
            send_invitation(invitation=invitation, actor=request.user, address=client_address(request))  # type: ignore[arg-type]
        if waiting:
            count = len(waiting)
            messages.success(request, f"{count} invitation{pluralize(count)} will be mailed again.")
        else:
            messages.warning(request, "Nothing is sent: what you chose was accepted already.")
