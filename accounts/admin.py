"""Admin pages of accounts, groups and invitations; nobody can grant rights they do not have."""

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
from django.utils import timezone
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from accounts.forms import InvitationForm
from accounts.models import Invitation, User
from accounts.services.invitations import send_invitation
from accounts.services.rights import audit_account_change, grantable_groups
from foundation.actions import Action
from foundation.address import client_address
from foundation.adminkit.base import PortalAdmin


def _open_admin(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Redirect to the first page, since `secure_admin_login` has checked the log-in."""
    return redirect("admin:index")


def _change_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Redirect to the portal's page, which mails the owner about the change."""
    return redirect("account_change_password")


# Everybody logs in through allauth, which limits attempts; Django's own form does not.
admin.site.login = secure_admin_login(_open_admin)  # type: ignore[method-assign]
admin.site.password_change = _change_password  # type: ignore[assignment, method-assign]
admin.site.unregister([Group, EmailAddress])


@admin.register(User)
class AccountAdmin(UserAdmin, PortalAdmin):
    """Accounts. Administrators switch them on and off and choose roles; everything else needs a superuser.

    People are invited, so they confirm their address and choose their own password. Accounts are switched off
    and not deleted, so that they keep their links and reports.
    """

    allows = ("change",)
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
    # Somebody who changes the address of an account can take it over by resetting the password.
    read_by_administrators = ("email", "is_staff", "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Let administrators change only what grants no rights beyond their own."""
        is_own = obj is not None and obj.pk == request.user.pk
        if request.user.is_superuser:
            return self.written(self.always_read)
        own = ("is_active", "groups") if is_own else ()
        return self.written((*self.always_read, *self.read_by_administrators, *own))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = grantable_groups(user=request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save only the columns of the form, and audit which ones changed."""
        with transaction.atomic():
            columns = [name for name in form.changed_data if name != "groups"]
            if columns:
                obj.save(update_fields=columns)
            audit_account_change(
                user=obj, fields=form.changed_data, actor=request.user, address=client_address(request)
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Keep the groups that this administrator could not choose."""
        kept = list(form.instance.groups.exclude(pk__in=grantable_groups(user=request.user)))
        super().save_related(request, form, formsets, change)
        form.instance.groups.add(*kept)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Let only superusers set other people's passwords: people reset theirs by e-mail."""
        if not request.user.is_superuser:
            return self._get_obj_does_not_exist_redirect(request, self.opts, id)
        return super().user_change_password(request, id, form_url)


@admin.register(Group)
class RoleAdmin(GroupAdmin, PortalAdmin):
    """Roles and their permissions."""

    allows = ("add", "change", "delete")


@admin.register(EmailAddress)
class EmailAddressAdmin(PortalAdmin):
    """E-mail addresses and whether they are verified. Only their owners can change them."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    search_fields = ("email",)
    fields = ("email", "user", "verified", "primary")


def _send_again(*, queryset: QuerySet[Invitation], user: User, address: str | None) -> int:
    waiting = list(queryset.filter(accepted_at=None))
    for invitation in waiting:
        send_invitation(invitation=invitation, actor=user, address=address)
    return len(waiting)


SEND_AGAIN = Action(
    name="send_again",
    button="Send the mail again",
    message="will be mailed again with a new link",
    service=_send_again,
    permission="add",
    left="The others have already been accepted.",
)


@admin.register(Invitation)
class InvitationAdmin(PortalAdmin):
    """Invitations. The code is only in the mail; another address needs another invitation."""

    allows = ("add", "delete")
    form = InvitationForm
    list_display = ("email", "is_reviewer", "invited_by", "created_at", "expires_at", "accepted_at")
    list_filter = ("is_reviewer", ("accepted_at", admin.EmptyFieldListFilter))
    search_fields = ("email",)
    ordering = ("-created_at",)
    readonly_fields = ("invited_by", "created_at", "expires_at", "accepted_at")
    actions = (SEND_AGAIN,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show only the fields to fill in until the invitation exists."""
        return ("email", "is_reviewer", *(self.readonly_fields if obj else ()))

    def response_add(
        self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None
    ) -> Any:
        """Show what happens next, and what a new reviewer still needs."""
        until = timezone.localtime(obj.expires_at)
        text = f"{obj.email} will receive a link that works until {until:%d %b %Y}."
        if obj.is_reviewer:
            text += " A reviewer sees no exams until you grant a service under Reviewer access."
        messages.success(request, text)
        return redirect(
            "admin:accounts_invitation_" + ("add" if "_addanother" in request.POST else "changelist")
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            obj.invited_by = request.user
            super().save_model(request, obj, form, change)
            send_invitation(invitation=obj, actor=request.user, address=client_address(request))  # type: ignore[arg-type]
