"""The pages of one link: state, unlink, dispute, check again."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from foundation.address import client_address
from integrations.models import Link
from integrations.services.linking import links
from integrations.states import LinkReason
from integrations.views.limits import is_allowed

# Each check is a call to the Cloud.
CHECKS_PER_MINUTE = 6


def _own_link(request: HttpRequest, link: uuid.UUID) -> Link:
    """Return a link of this account; a foreign one is 404."""
    return get_object_or_404(Link.objects.with_customer(), uuid=link, user=request.user)


@login_required
@require_safe
def show_link(request: HttpRequest, link: uuid.UUID) -> HttpResponse:
    """Show a link's state and the next step."""
    context = {"link": _own_link(request, link), "is_already": "already" in request.GET}
    return render(request, "integrations/linking/link.html", context)


@login_required
@require_safe
def link_status(request: HttpRequest, link: uuid.UUID) -> HttpResponse:
    """Return the part of the link's page that changes."""
    return render(request, "integrations/linking/_link_state.html", {"link": _own_link(request, link)})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def unlink(request: HttpRequest, link: uuid.UUID) -> HttpResponse:
    """Confirm and end the link."""
    return _end_link(request, link, reason=LinkReason.BY_OWNER, template="integrations/linking/unlink.html")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dispute_link(request: HttpRequest, link: uuid.UUID) -> HttpResponse:
    """Confirm that somebody else made the link, and suspend it; the mail links here."""
    return _end_link(request, link, reason=LinkReason.DISPUTED, template="integrations/linking/not_me.html")


def _end_link(request: HttpRequest, link: uuid.UUID, *, reason: LinkReason, template: str) -> HttpResponse:
    own = _own_link(request, link)
    if request.method != "POST":
        return render(request, template, {"link": own})
    links.unlink(link=own, user=own.user, address=client_address(request), reason=reason)
    return redirect("link", own.uuid)


@login_required
@require_POST
def check_link(request: HttpRequest, link: uuid.UUID) -> HttpResponse:
    """Schedule a check of the link at the Cloud now."""
    own = _own_link(request, link)
    if not is_allowed(request=request, action="check_link", per_minute=CHECKS_PER_MINUTE):
        messages.warning(request, "You checked this link too often. Wait one minute, then try again.")
    else:
        links.check_again(
            queryset=Link.objects.filter(pk=own.pk), user=own.user, address=client_address(request)
        )
    return redirect("link", own.uuid)
