"""The demo's shortcuts: continue as an account, watch arriving exams, poll now."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from audit.entries import add_entry
from background.due import schedule
from exams.models import Submission
from foundation.address import client_address
from integrations.models import Service
from portal.demo.gate import is_open
from portal.demo.state import ROLES, DemoFile

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
START_PAGES = {"clinician": "my", "reviewer": "worklist", "administrator": "admin:index"}
# How many submissions the live list shows.
NEWEST = 6

View = Callable[..., HttpResponse]


def only_in_demo(view: View) -> View:
    """Answer 404 where the demo's shortcuts are closed."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not is_open(request):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_POST
@only_in_demo
def continue_as(request: HttpRequest, role: str) -> HttpResponse:
    """Log in as the demo's account of this role."""
    if role not in ROLES:
        raise Http404
    user = get_object_or_404(User, email__iexact=DemoFile.address(role), is_active=True, is_superuser=False)
    logout(request)
    login(request, user, backend=BACKEND)
    add_entry(action="demo.continued", actor=user, target=user, address=client_address(request))
    return redirect(START_PAGES[role])


@require_safe
@only_in_demo
def live(request: HttpRequest) -> HttpResponse:
    """Show the newest submissions with their state and how they were found, without patient data."""
    newest = Submission.objects.select_related("customer").order_by("-received_at", "-pk")[:NEWEST]
    return render(request, "portal/partials/_demo_live.html", {"submissions": newest})


@require_POST
@only_in_demo
def poll(request: HttpRequest) -> HttpResponse:
    """Make the poll of every service due now."""
    schedule(Service.objects.filter(is_active=True, is_sandbox=True))
    return HttpResponse(status=204) if request.headers.get("HX-Request") else redirect("home")
