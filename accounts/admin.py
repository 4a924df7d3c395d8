"""Admin pages of accounts, groups, invitations and grants; nobody can grant rights they do not have."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from accounts.forms import InvitationForm
from accounts.models import Grant, Invitation, User
from accounts.services.grants import DECIDE, CannotGrant, approve_grants, decline_grants, record_grant
from accounts.services.invitations import create_invitation, invite_reviewer, send_invitation
from accounts.services.rights import (
    RAISING,
    audit_account_change,
    change_permissions,
    grantable_groups,
    leave_groups,
    raise_account,
)
from audit.entries import add_entry
from foundation.actions import Action
from foundation.address import client_address
from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.lists import IsSetFilter
from foundation.adminkit.requests import actor_of


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
        """Save the columns of the form that give no access, and audit which ones changed."""
        raising = _raised(form)
        columns = [name for name in form.changed_data if name != "groups" and name not in raising]
        for name in raising:
            setattr(obj, name, form.initial[name])
        if columns:
            obj.save(update_fields=columns)
            audit_account_change(
                user=obj, fields=columns, actor=request.user, address=client_address(request)
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Take groups away and ask for what gives access; keep what this administrator cannot choose."""
        account, actor = form.instance, actor_of(request)
        if "groups" in form.cleaned_data:
            offered = grantable_groups(user=request.user)
            current, chosen = set(account.groups.all()), set(form.cleaned_data["groups"])
            leave_groups(account=account, groups=(current & set(offered)) - chosen, **actor)
            added = chosen - current
        else:
            added = set()
        columns = _raised(form)
        if columns or added:
            grant = raise_account(account=account, columns=columns, groups=added, **actor)
            tell_waiting(request, grant)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Let only superusers set other people's passwords: people reset theirs by e-mail."""
        if not request.user.is_superuser:
            return self._get_obj_does_not_exist_redirect(request, self.opts, id)
        account = self.get_object(request, unquote(id))
        is_own = account is not None and account.pk == request.user.pk
        if settings.GRANTS_NEED_TWO and not is_own:
            messages.error(request, "People set their own passwords. They can reset them by e-mail.")
            return redirect("admin:accounts_user_changelist")
        response = super().user_change_password(request, id, form_url)
        if account is not None and User.objects.get(pk=account.pk).password != account.password:
            _audit_password(request, account, is_own=is_own)
        return response


def _raised(form: Any) -> dict[str, Any]:
    """Return the columns of the form that give access: another address, or a right that is switched on."""
    return {
        name: form.cleaned_data[name]
        for name in form.changed_data
        if name in RAISING and form.cleaned_data[name]
    }


def tell_waiting(request: HttpRequest, grant: Grant | None) -> None:
    """Write in a message that a grant waits, if it does."""
    if grant is not None and grant.state == Grant.State.WAITING:
        messages.warning(request, f"This takes effect when a second administrator approves it: {grant.what}.")


def _audit_password(request: HttpRequest, account: User, *, is_own: bool) -> None:
    actor = actor_of(request)
    add_entry(action="account.password_set", actor=actor["user"], target=account, address=actor["address"])
    if not is_own:
        record_grant(
            kind=Grant.Kind.PASSWORD, what=f"a new password for {account.email}", recipient=account, **actor
        )


@admin.register(Group)
class RoleAdmin(GroupAdmin, PortalAdmin):
    """Roles and their permissions."""

    allows = ("add", "change", "delete")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the name."""
        super().save_model(request, obj, form, change)
        if "name" in form.changed_data:
            action = "group.renamed" if change else "group.created"
            add_entry(
                action=action, actor=request.user, target=obj, address=client_address(request), name=obj.name
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Take permissions away, and ask for more."""
        wanted = form.cleaned_data["permissions"]
        tell_waiting(request, change_permissions(group=form.instance, wanted=wanted, **actor_of(request)))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        add_entry(
            action="group.deleted",
            actor=request.user,
            target=obj,
            address=client_address(request),
            name=obj.name,
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for group in queryset:
            self.delete_model(request, group)


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
    list_filter = ("is_reviewer", ("accepted_at", IsSetFilter))
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
        if not obj.pk:
            return super().response_add(request, obj, post_url_continue)
        until = timezone.localtime(obj.expires_at)
        text = f"{obj.email} will receive a link that works until {until:%d %b %Y}."
        if obj.is_reviewer:
            text += " A reviewer sees no exams until you grant a service under Reviewer access."
        messages.success(request, text)
        return redirect(
            "admin:accounts_invitation_" + ("add" if "_addanother" in request.POST else "changelist")
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save and mail the invitation; one of a reviewer is a grant."""
        actor = actor_of(request)
        if obj.is_reviewer:
            grant = invite_reviewer(email=obj.email, **actor)
            tell_waiting(request, grant)
            if grant.state == Grant.State.WAITING:
                return
            made = Invitation.objects.filter(email=obj.email).latest("pk")
        else:
            with transaction.atomic():
                made = create_invitation(email=obj.email, **actor)
                send_invitation(invitation=made, actor=actor["user"], address=actor["address"])
        obj.pk, obj.expires_at = made.pk, made.expires_at

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        add_entry(
            action="invitation.deleted", actor=request.user, target=obj, address=client_address(request)
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for invitation in queryset:
            self.delete_model(request, invitation)


def _decide_one_by_one(action: Action, rows: QuerySet[Any], request: HttpRequest) -> tuple[int, list[str]]:
    """Run the action on each row, so that one that is refused stops no other; return why each was refused."""
    done, refusals = 0, []
    for grant in rows:
        try:
            done += action.service(queryset=rows.filter(pk=grant.pk), **actor_of(request))
        except CannotGrant as error:
            refusals.append(f"Not {grant.what}: {error}")
    return done, refusals


APPROVE = Action(
    name="approve",
    title="Approve these grants?",
    explanation="Each takes effect at once. Approve only what you know is meant: ask the administrator who "
    "asked for it, in person or by telephone.",
    button="Approve",
    message="were approved",
    service=approve_grants,
)
DECLINE = Action(
    name="decline",
    title="Decline these grants?",
    explanation="Nothing is granted. Whoever asked for it can ask again.",
    button="Decline",
    message="were declined",
    service=decline_grants,
)


class DecisionFilter(admin.SimpleListFilter):
    """Filters grants by what has become of them."""

    title = "state"
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "waiting for approval"),
            ("expired", "expired"),
            ("made", "made"),
            ("lately", "made in the last week"),
            ("declined", "declined"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        grants: Any = queryset
        waiting = Grant.State.WAITING
        chosen = {
            "waiting": lambda: grants.waiting(),
            "expired": lambda: grants.filter(state=waiting, expires_at__lte=timezone.now()),
            "made": lambda: grants.filter(state=Grant.State.MADE),
            "lately": lambda: grants.made_lately(),
            "declined": lambda: grants.filter(state=Grant.State.DECLINED),
        }.get(self.value() or "")
        return chosen() if chosen else grants


@admin.register(Grant)
class GrantAdmin(PortalAdmin):
    """The list of grants: those that wait are decided here by another administrator than who asked."""

    operators = DECIDE
    list_display = ("what", "status", "asked_by", "asked_at", "decided_by", "decided_at")
    list_filter = (DecisionFilter, "kind")
    list_select_related = ("asked_by", "decided_by")
    search_fields = ("what", "asked_by__email", "decided_by__email")
    fields = (
        "what",
        ("kind", "status"),
        ("recipient", "email"),
        ("asked_by", "asked_at", "address"),
        "expires_at",
        ("decided_by", "decided_at"),
    )
    readonly_fields = ("status",)
    question_columns = ("what", "kind", "asked_by", "asked_at", "expires_at")
    actions = (APPROVE, DECLINE)
    action_runner = staticmethod(_decide_one_by_one)

    @admin.display(description="state", ordering="state")
    def status(self, grant: Grant) -> str:
        """Write the state; one that waited too long has expired."""
        is_over = grant.state == Grant.State.WAITING and grant.expires_at <= timezone.now()
        return "expired" if is_over else str(Grant.State(grant.state).label)
