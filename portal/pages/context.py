"""The context of every page. Parts that query the database are functions, so fragments skip them."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from exams.permissions import is_clinician, is_reviewer, sees_all_content
from integrations import keyring
from integrations.models import Service
from portal.health.count import count_problems


@dataclass(frozen=True)
class NavItem:
    """One entry of the navigation."""

    label: str
    url: str
    is_current: bool
    badge: int = 0


@dataclass(frozen=True)
class Refusal:
    """A service whose keys are all refused, and the page on which this account can fix that, or ""."""

    name: str
    sentence: str
    url: str


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the notice of the viewer, the navigation of this account and whether a sandbox is connected."""
    return {
        "intended_use_notice": settings.INTENDED_USE_NOTICE,
        "is_demo": bool(settings.DEMO_FILE),
        "has_sandbox_service": Service.objects.in_use().filter(is_sandbox=True).exists,
        "nav": partial(_nav, request),
        "refusals": partial(_refusals, request),
        "account_nav": partial(_account_nav, request),
        "zone_name": timezone.get_current_timezone_name,
    }


def _refusals(request: HttpRequest) -> list[Refusal]:
    """Return the services whose keys are all refused, to administrators."""
    # A request that middleware refused has no user.
    user = getattr(request, "user", None)
    if user is None or not getattr(user, "is_staff", False):
        return []
    refused = list(Service.objects.in_use().filter(circuit_opened_at__isnull=False).order_by("name"))
    may_fix = bool(refused) and user.has_perms(["integrations.view_service", "integrations.manage_service"])
    return [
        Refusal(
            each.name,
            keyring.ALL_REFUSED,
            reverse("admin:integrations_service_keys", args=[each.pk]) if may_fix else "",
        )
        for each in refused
    ]


def _nav(request: HttpRequest) -> list[NavItem]:
    user = request.user
    shown = [("Home", "home", True)]
    shown.append(("Worklist", "worklist", is_reviewer(user) or sees_all_content(user)))
    shown.append(("My exams", "my", is_clinician(user)))
    is_staff = bool(getattr(user, "is_staff", False))
    shown.append(("Problems", "problems", is_staff))
    shown.append(("Administration", "admin:index", is_staff))
    items = _items(request, [(label, name) for label, name, is_shown in shown if is_shown])
    return [replace(each, badge=count_problems(user)) if each.label == "Problems" else each for each in items]


def _account_nav(request: HttpRequest) -> list[NavItem]:
    pages = [
        ("Links and exams", "my"),
        ("Preferences", "preferences"),
        ("Change password", "account_change_password"),
    ]
    return _items(request, pages)


def _items(request: HttpRequest, pages: list[tuple[str, str]]) -> list[NavItem]:
    items = []
    for label, name in pages:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        is_current = request.path == url if name == "home" else request.path.startswith(url)
        items.append(NavItem(label=label, url=url, is_current=is_current))
    return items
