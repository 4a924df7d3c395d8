"""Actions that ask once more before they do anything, for one row or many, and say what became of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from audit.address import client_address
from audit.record import record

# One request does so many; the rest stays chosen by the same filter.
LARGEST_BULK = 500
SHOWN = 20


@dataclass(frozen=True)
class Deed:
    """Something to be done to rows: how the page asks for it, and the service that does it."""

    name: str
    title: str
    explanation: str
    button: str
    told: str
    service: Callable[..., int]
    warning: str = ""
    is_grave: bool = False


def ask_or_do(
    *, admin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: Deed
) -> HttpResponse | None:
    """Show the page that asks, or do it when that page was confirmed."""
    if request.POST.get("confirmed") != "yes":
        return _ask(admin, request, queryset, deed)
    chosen = list(queryset.order_by("-pk").values_list("pk", flat=True)[: LARGEST_BULK + 1])
    is_more, chosen = len(chosen) > LARGEST_BULK, chosen[:LARGEST_BULK]
    rows = admin.model._default_manager.filter(pk__in=chosen)
    done = deed.service(queryset=rows, user=request.user, address=client_address(request))
    record(
        action=f"{admin.opts.model_name}.{deed.name}",
        outcome="ok" if done == len(chosen) else "partly" if done else "refused",
        actor=request.user,
        address=client_address(request),
        chosen=str(len(chosen)),
        done=str(done),
    )
    text = f"{done} of {len(chosen)} {admin.opts.verbose_name_plural} {deed.told}."
    if done < len(chosen):
        text += " The others are not in a state in which that can be done."
    if is_more:
        text += f" More are chosen than the {LARGEST_BULK} that one step takes: repeat it for the rest."
    level = messages.SUCCESS if done == len(chosen) and not is_more else messages.WARNING
    messages.add_message(request, level, text)
    return HttpResponseRedirect(request.get_full_path())


def _ask(admin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: Deed) -> HttpResponse:
    is_across = request.POST.get("select_across") == "1"
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    context = admin.admin_site.each_context(request) | {
        "title": deed.title,
        "opts": admin.opts,
        "deed": deed,
        "count": queryset.count(),
        "largest": LARGEST_BULK,
        "rows": queryset[:SHOWN],
        # A choice of everything is repeated as such: a form with 10,000 fields is refused.
        "selected": selected[:1] if is_across else selected,
        "is_across": is_across,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "exams/admin/confirm.html", context)
