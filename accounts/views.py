"""Preferences and invitation pages."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.forms import PreferencesForm
from accounts.models import Invitation, User
from accounts.referrals import set_invitation
from accounts.refusals import refused_page
from accounts.services.attempts import Kind, TooManyAttempts, begin_attempt
from accounts.services.invitations import accept_invitation, open_invitation
from foundation.address import client_address


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show and change one's own name and time zone."""
    form = PreferencesForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Preferences saved.")
        return redirect("preferences")
    return render(request, "accounts/preferences.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, code: str) -> HttpResponse:
    """Redirect an invited person to sign-up or log-in; a logged-in person accepts with a POST."""
    found = open_invitation(code=code)
    if found is None:
        return _private(_show_void(request))
    user = request.user
    if not user.is_authenticated:
        set_invitation(session=request.session, code=code)
        has_account = User.objects.filter(email__iexact=found.email).exists()
        return _private(HttpResponseRedirect(reverse("account_login" if has_account else "account_signup")))
    is_theirs = found.email.lower() == user.email.lower()
    if request.method == "POST" and is_theirs:
        return _accept(request, found, user)
    return _private(
        render(request, "accounts/invitation.html", {"invitation": found, "is_theirs": is_theirs})
    )


def _show_void(request: HttpRequest) -> HttpResponse:
    """Answer a link that opens nothing; a network that tries many has to wait."""
    try:
        begin_attempt(request=request, kind=Kind.INVITATION)
    except TooManyAttempts as error:
        return refused_page(request, error)
    return render(request, "accounts/invitation_void.html", status=410)


def _accept(request: HttpRequest, found: Invitation, user: User) -> HttpResponse:
    if accept_invitation(invitation=found, user=user, address=client_address(request)):
        messages.success(request, "Invitation accepted.")
    return redirect("home")


def _private(response: HttpResponse) -> HttpResponse:
    # The address of this page contains the code; with "no-referrer" its form would have no origin to check.
    response["Referrer-Policy"] = "strict-origin"
    return response
