"""The connection pages: a token waits in the session until its owner confirms with a POST."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.referrals import forget_referral
from foundation.address import client_address
from integrations.clarius.fields import is_token
from integrations.models import Service
from integrations.services.linking.links import Outcome, find_link, link_customer
from integrations.services.linking.pending import (
    PendingToken,
    carry_tokens,
    drop_token,
    drop_tokens,
    find_token,
    has_tokens,
    keep_token,
    latest_token,
    put_tokens,
)
from integrations.views.forms import ConnectForm
from integrations.views.limits import is_allowed

View = Callable[..., HttpResponse]
# For one account or address. Several people may share an address.
TOKENS_PER_MINUTE = 60
CLAIMS_PER_MINUTE = 10
# In the query of the page to which a token leads that cannot be one.
UNREADABLE = "unreadable"


def connect_page(view: View) -> View:
    """Resolve the service (404 when there is none), and keep the answer out of caches."""

    @wraps(view)
    def answer(request: HttpRequest, service: str, *args: Any, **kwargs: Any) -> HttpResponse:
        found = get_object_or_404(Service.objects.in_use(), slug=service)
        response = view(request, found, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        return response

    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@connect_page
def connect(request: HttpRequest, service: Service) -> HttpResponse:
    """Take a token from the query, show the confirmation page, and create the link on POST."""
    if request.method == "POST":
        return _confirm(request, service)
    if "token" in request.GET:
        return _receive_token(request, service, request.GET["token"])
    pending = latest_token(session=request.session, service=service)
    if pending is None:
        return _show_missing(request, service)
    if not request.user.is_authenticated:
        return render(request, "integrations/linking/connect_sign_in.html", {"service": service})
    held = find_link(service=service, token=pending.token, user=request.user)
    if held is not None:
        _drop_used(request, pending)
        return redirect(f"{reverse('link', args=[held.uuid])}?already")
    initial = {"slot": pending.slot, "label": request.user.get_full_name()}
    return _show_form(request, service, ConnectForm(initial=initial))


@require_safe
@connect_page
def connect_token(request: HttpRequest, service: Service, token: str) -> HttpResponse:
    """Take a token from the path."""
    return _receive_token(request, service, token)


@require_POST
@connect_page
def switch_account(request: HttpRequest, service: Service) -> HttpResponse:
    """Log out and go to the log-in page, keeping the token."""
    carried = carry_tokens(session=request.session)
    if request.user.is_authenticated:
        get_adapter().logout(request)
    put_tokens(session=request.session, carried=carried)
    return redirect(f"{reverse('account_login')}?next={_page(service)}")


def _receive_token(request: HttpRequest, service: Service, token: str) -> HttpResponse:
    if not is_allowed(request=request, action="arrive", per_minute=TOKENS_PER_MINUTE):
        return _too_often(request, service)
    page = _page(service)
    if is_token(token):
        keep_token(session=request.session, service=service, token=token, path=page)
    else:
        # The page must not offer an older token in place of an unreadable one.
        drop_tokens(session=request.session, service=service)
        page += f"?{UNREADABLE}"
    answer = HttpResponseRedirect(page)
    answer.status_code = 303
    # Only here, where the URL has the token: a page with this header sends its forms with "Origin: null".
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _confirm(request: HttpRequest, service: Service) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect(_page(service))
    if not is_allowed(request=request, action="claim", per_minute=CLAIMS_PER_MINUTE):
        return _too_often(request, service)
    pending = find_token(session=request.session, service=service, slot=request.POST.get("slot", ""))
    if pending is None:
        return _show_missing(request, service)
    form = ConnectForm(request.POST)
    if not form.is_valid():
        return _show_form(request, service, form)
    linking = link_customer(
        service=service,
        token=pending.token,
        user=request.user,
        label=form.cleaned_data["label"],
        institution=form.cleaned_data["institution"],
        address=client_address(request),
    )
    _drop_used(request, pending)
    if linking.link is None:
        return render(request, "integrations/linking/refused.html", {"service": service}, status=409)
    already = "?already" if linking.outcome == Outcome.ALREADY_YOURS else ""
    return redirect(f"{reverse('link', args=[linking.link.uuid])}{already}")


def _drop_used(request: HttpRequest, pending: PendingToken) -> None:
    drop_token(session=request.session, slot=pending.slot)
    if not has_tokens(session=request.session):
        forget_referral(request.session)


def _show_form(request: HttpRequest, service: Service, form: ConnectForm) -> HttpResponse:
    return render(request, "integrations/linking/connect.html", {"service": service, "form": form})


def _show_missing(request: HttpRequest, service: Service) -> HttpResponse:
    is_unreadable = UNREADABLE in request.GET
    context = {"service": service, "is_unreadable": is_unreadable}
    status = 400 if is_unreadable else 410
    return render(request, "integrations/linking/token_gone.html", context, status=status)


def _too_often(request: HttpRequest, service: Service) -> HttpResponse:
    answer = render(request, "integrations/linking/too_often.html", {"service": service}, status=429)
    answer["Retry-After"] = "60"
    return answer


def _page(service: Service) -> str:
    return reverse("connect", args=[service.slug])
