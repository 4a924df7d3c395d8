"""The actions that need the password again, and the middleware that asks for it.

This is the only list. A test requires every form and action of the administration to be in one of its three
parts; the commands of `manage.py` need none, since whoever runs them can read the secrets of the process.
"""

from collections.abc import Callable, Iterator

# The public decorator would store the body of a POST in the session, where a key or a reason would stay.
from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    reauthenticate_by_password,
)
from allauth.core.internal.ratelimit import consume_or_429
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from accounts.entrance_forms import ReauthenticateForm

# Pages whose forms contain a secret: the password is asked for before they are shown, and a form that comes
# too late is dropped together with the secret.
PAGES = frozenset(
    {
        "admin:auth_user_password_change",
        "admin:integrations_service_add",
        "admin:integrations_service_keys",
        "admin:integrations_service_settings",
    }
)
# What asks when its form is sent, and goes on with it afterwards: the name of the URL, followed by a dot and
# the action if the URL has several.
ACTIONS = frozenset(
    {
        # Who may see patients.
        "admin:accounts_grant_changelist.approve",
        "admin:accounts_grant_changelist.decline",
        "admin:accounts_invitation_add",
        "admin:accounts_invitation_changelist.send_again",
        "admin:accounts_user_change",
        "admin:auth_group_add",
        "admin:auth_group_change",
        "admin:auth_group_changelist.delete_selected",
        "admin:auth_group_delete",
        "admin:integrations_customer_do.confirm",
        "admin:integrations_customer_do.gone",
        "admin:integrations_customer_do.invite",
        "admin:integrations_customer_do.transfer",
        "admin:integrations_link_changelist.suspend",
        "admin:integrations_revieweraccess_add",
        "admin:integrations_revieweraccess_changelist.delete_selected",
        "admin:integrations_revieweraccess_delete",
        # Whether a service runs, and its secret.
        "admin:integrations_service_changelist.pause",
        "admin:integrations_service_changelist.resume",
        "admin:integrations_service_changelist.reveal_webhook",
        "admin:integrations_service_reveal",
        "problem_fix.service-paused",
    }
)
# What needs no password, because it shows no secret, gives nobody access, and is repeated or undone with a
# click.
HARMLESS = frozenset(
    {
        "admin:accounts_invitation_changelist.delete_selected",
        "admin:accounts_invitation_delete",
        "admin:background_outgoingmail_changelist.send_again",
        "admin:exams_fieldmap_map",
        "admin:exams_report_changelist.give_up",
        "admin:exams_report_changelist.mark_arrived",
        "admin:exams_report_changelist.send_again",
        "admin:exams_submission_backlog",
        "admin:exams_submission_backlog_stop",
        "admin:exams_submission_changelist.give_up",
        "admin:exams_submission_changelist.resume",
        "admin:exams_submission_changelist.retry",
        "admin:exams_submission_changelist.stop",
        "admin:integrations_application_change",
        "admin:integrations_application_read_again",
        "admin:integrations_application_remove",
        "admin:integrations_customer_change",
        "admin:integrations_customer_changelist.ask_again",
        "admin:integrations_customer_read_again",
        "admin:integrations_link_changelist.ask_again",
        "admin:integrations_notificationrecord_changelist.resume",
        "admin:integrations_notificationrecord_read_again",
        "admin:integrations_notificationrecord_take_in",
        "admin:integrations_service_changelist.poll_everything",
        "admin:integrations_service_changelist.poll_now",
        "admin:integrations_service_changelist.probe_keys",
        "admin:integrations_service_test",
    }
)
PREFIX = "proof"
FIELD = f"{PREFIX}-password"
View = Callable[..., HttpResponse]


class PasswordAgain:
    """Ask staff for the password before what the list names, unless they entered it in the last minutes."""

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: View, *args: object) -> HttpResponse | None:
        """Return the page that asks, or None where nothing is to be asked."""
        # These views refuse everybody else.
        if not getattr(request.user, "is_staff", False):
            return None
        names = set(_names_of(request))
        is_page = bool(names & PAGES)
        is_asked = is_page or (request.method == "POST" and bool(names & ACTIONS))
        if not is_asked or did_recently_reauthenticate(request):
            return None
        if not is_page:
            return _ask(request)
        if request.method == "POST":
            messages.warning(request, "Nothing was done. Confirm your password first.")
            return HttpResponseRedirect(request.path)
        following = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{following}")


def _names_of(request: HttpRequest) -> Iterator[str]:
    match = request.resolver_match
    if match is None:
        return
    yield match.view_name
    # A list has two menus of actions, and which of them counts is in another field.
    actions = request.POST.getlist("action") if request.method == "POST" else []
    # A page of one customer names its action in the URL, a problem its check.
    named = (str(match.kwargs.get(name, "")).partition(".")[0] for name in ("name", "key"))
    yield from (f"{match.view_name}.{each}" for each in (*actions, *named) if each)


def _ask(request: HttpRequest) -> HttpResponse | None:
    """Return the page with the fields that were sent and one for the password, or None once it is right."""
    data = request.POST if FIELD in request.POST else None
    form = ReauthenticateForm(data, prefix=PREFIX, user=request.user)
    if data is not None:
        refusal = consume_or_429(request, app="allauth.account", action="reauthenticate", user=request.user)
        if refusal is not None:
            return refusal
        if form.is_valid():
            reauthenticate_by_password(request)
            return None
    own = {FIELD, "csrfmiddlewaretoken"}
    kept = [(name, value) for name, values in request.POST.lists() if name not in own for value in values]
    # For the demo, which shows the password.
    request.is_password_asked = True  # type: ignore[attr-defined]
    return render(request, "account/reauthenticate.html", {"form": form, "kept": kept})
