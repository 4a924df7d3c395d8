"""The backlog page: its exams from before the connection, and importing them."""

from typing import Any

from django.contrib import messages
from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exams.admin.holds._backlog_form import RangeForm
from exams.models import BacklogImport
from exams.services.holds.backlog import find_backlog, list_waiting, start_import, stop_import, sum_waiting
from exams.services.transitions import NotAllowed
from foundation.address import client_address
from foundation.adminkit.question import Question, ask
from foundation.moments import moment

# The newest imports, and the customers with the most exams; the page counts the rest.
SHOWN_IMPORTS = 10
MOST_SHOWN = 100
PAGE = "admin:exams_submission_backlog"


@require_http_methods(["GET", "HEAD", "POST"])
def show_backlog(request: HttpRequest, admin: Any) -> HttpResponse:
    """Show the backlog; a POST asks for confirmation, and a confirmed one starts the import."""
    admin.require_permission(request, is_change=request.method == "POST")
    if request.method != "POST":
        return _page(request, admin, RangeForm())
    form = RangeForm(request.POST)
    if not form.is_valid():
        return _page(request, admin, form, status=400)
    if request.POST.get("confirmed") != "yes":
        return _ask(request, admin, form)
    try:
        start_import(**form.bounds(), user=request.user, address=client_address(request))
        messages.success(
            request, "The import has started. It runs in the background; this page shows its progress."
        )
    except NotAllowed as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(reverse(PAGE))


@require_safe
def show_progress(request: HttpRequest, admin: Any) -> HttpResponse:
    """Send the parts of the page that update automatically."""
    admin.require_permission(request)
    context = _context(request, admin) | {"is_fragment": True}
    return TemplateResponse(request, "exams/holds/_backlog_progress.html", context)


@require_POST
def stop(request: HttpRequest, admin: Any, pk: int) -> HttpResponse:
    """Stop an import; exams imported until then stay imported."""
    admin.require_permission(request, is_change=True)
    try:
        stop_import(pk=pk, user=request.user, address=client_address(request))
        messages.success(request, "The import was stopped. Imported exams stay imported.")
    except NotAllowed as refusal:
        messages.warning(request, str(refusal))
    return HttpResponseRedirect(reverse(PAGE))


def _page(request: HttpRequest, admin: Any, form: RangeForm, *, status: int = 200) -> HttpResponse:
    context = admin.admin_site.each_context(request) | _context(request, admin)
    context |= {"title": "Backlog", "form": form}
    return TemplateResponse(request, "exams/holds/backlog.html", context, status=status)


def _ask(request: HttpRequest, admin: Any, form: RangeForm) -> HttpResponse:
    rows = find_backlog(**form.bounds())
    count, span = rows.count(), rows.aggregate(oldest=Min("submitted_at"), newest=Max("submitted_at"))
    bounds, exams = form.bounds(), f"{count:,} exam{pluralize(count)}"
    facts: list[tuple[str, Any]] = [("Service", bounds["service"])]
    if bounds["customer"]:
        facts.append(("Customer", bounds["customer"]))
    if count:
        facts += [
            ("Exams", f"{count:,}"),
            ("Oldest", moment(span["oldest"])),
            ("Newest", moment(span["newest"])),
        ]
    question = Question(
        title=f"Import {exams}?",
        button=f"Import {exams}" if count else "",
        back=reverse(PAGE),
        explanation="They are fetched in the background, newest first, and become visible to their "
        "clinicians and to the reviewers of the service. You can stop the import; exams imported until "
        "then stay imported."
        if count
        else "The backlog has no exams in this range.",
        facts=facts,
        hidden=[*((name, form[name].value() or "") for name in form.fields), ("confirmed", "yes")],
    )
    return ask(request, question, site=admin.admin_site)


def _context(request: HttpRequest, admin: Any) -> dict[str, Any]:
    imports = list(BacklogImport.objects.select_related("service", "customer", "started_by")[:SHOWN_IMPORTS])
    totals = sum_waiting()
    return totals | {
        "waiting": list_waiting(most=MOST_SHOWN),
        "hidden_count": max(0, totals["customer_count"] - MOST_SHOWN),
        "can_operate": admin.has_operate_permission(request),
        "imports": imports,
        "is_running": any(each.ended_at is None for each in imports),
    }
