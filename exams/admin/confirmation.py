"""Actions that ask once more before they do anything, for one row or many, and say what became of each."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.record import record
from exams.admin.standing import Standing, standings_of, tell
from exams.admin.subjects import subject_of
from foundation.actions import Action
from foundation.address import client_address
from integrations.models import Service

SHOWN = 20


def ask_or_do(
    *, admin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: Action
) -> HttpResponse | None:
    """Show the page that asks, or do it when that page was confirmed."""
    if request.POST.get("confirmed") != "yes":
        return _ask(admin, request, queryset, deed)
    carry_out(request=request, queryset=queryset, deed=deed)
    return HttpResponseRedirect(request.get_full_path())


def carry_out(*, request: HttpRequest, queryset: QuerySet[Any], deed: Action) -> None:
    """Do it to so many rows as one step takes, write that to the audit log and say what became of them."""
    opts, rows = queryset.model._meta, queryset.model._default_manager
    limit = settings.BULK_LIMIT
    chosen = list(queryset.order_by("-pk").values_list("pk", flat=True)[: limit + 1])
    is_more, chosen = len(chosen) > limit, chosen[:limit]
    address = client_address(request)
    before = standings_of(rows.filter(pk__in=chosen))
    done = deed.service(queryset=rows.filter(pk__in=chosen), user=request.user, address=address)
    record(
        action=f"{opts.model_name}.{deed.name}",
        outcome="ok" if done == len(chosen) else "partly" if done else "refused",
        actor=request.user,
        address=address,
        chosen=str(len(chosen)),
        done=str(done),
    )
    parts: list[SafeString | str] = [f"{done} of {len(chosen)} {opts.verbose_name_plural} {deed.told}."]
    if done < len(chosen):
        after = standings_of(rows.filter(pk__in=chosen))
        parts += _left([each for pk, each in after.items() if each.mark == before[pk].mark])
    if is_more:
        parts.append(f"More are chosen than the {limit} that one step takes: repeat it for the rest.")
    level = messages.SUCCESS if done == len(chosen) and not is_more else messages.WARNING
    messages.add_message(request, level, format_html_join(" ", "{}", ((part,) for part in parts)))


def _left(standings: list[Standing]) -> list[SafeString | str]:
    """Say how the rows stand to which nothing was done, and lead to where the Cloud is asked for the rest."""
    if not standings:
        return ["The others are not in a state in which that can be done."]
    services = Service.objects.filter(pk__in={each.unlisted_at for each in standings}).order_by("name")
    pages = [(reverse("admin:integrations_service_change", args=[each.pk]), each.name) for each in services]
    links = [format_html('<a href="{}">Poll {} now</a>.', *page) for page in pages]
    return [f"Nothing was done to the others: {tell(standings)}.", *links]


def _ask(admin: Any, request: HttpRequest, queryset: QuerySet[Any], deed: Action) -> HttpResponse:
    is_across = request.POST.get("select_across") == "1"
    selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
    context = admin.admin_site.each_context(request) | {
        "title": deed.title,
        "opts": admin.opts,
        "deed": deed,
        "count": queryset.count(),
        "largest": settings.BULK_LIMIT,
        "rows": [(row, subject_of(row)) for row in queryset[:SHOWN]],
        # A choice of everything is repeated as such: a form with 10,000 fields is refused.
        "selected": selected[:1] if is_across else selected,
        "is_across": is_across,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "exams/admin/confirm.html", context)
