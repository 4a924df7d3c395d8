"""The worklist, the reviewers' list of submissions."""

import secrets
import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit.entries import add_entry, record_view
from exams.permissions import is_reviewer, sees_all_content, visible_submissions
from exams.services.review.shown import find_patients
from exams.services.review.worklist import Filters, count_newer, list_submissions
from exams.views.forms import WorklistForm
from foundation.address import client_address
from foundation.searching import CUT, RefusedFilter, cut_search

# The session keeps search texts by a short id, because they can contain names, and URLs end up in logs.
SEARCHES = "worklist_searches"
# Enough for the browser's back button; a session must not grow.
SEARCHES_KEPT = 20


@login_required
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """Show one page of the worklist or, as a fragment, the number of newer submissions."""
    _require_reader(request)
    search = request.GET.get("q", "")
    words = request.session.get(SEARCHES, {}).get(search, "")
    form = WorklistForm(request.GET)
    filters = form.filters(words=words)
    if request.htmx:  # type: ignore[attr-defined]
        return _newer(request, filters=filters)
    page = list_submissions(
        user=request.user,  # type: ignore[arg-type]
        filters=filters,
        after=read_cursor(request, "after"),
        before=read_cursor(request, "before"),
    )
    shown = find_patients(row.submission.pk for row in page.rows)
    record_view(request, action="worklist.viewed", patients=shown)
    return render(
        request,
        "exams/review/worklist.html",
        {
            "form": form,
            "filters": filters,
            "page": page,
            "customer": _customer_of(request, filters=filters),
            "search": search if words else "",
            "is_search_lost": bool(search and not words),
            "is_reversed": bool(filters.since and filters.until and filters.since > filters.until),
            "links": _links(request, page=page),
        },
    )


@login_required
@require_POST
def worklist_search(request: HttpRequest) -> HttpResponse:
    """Store the search text in the session and redirect to the list with its short id."""
    _require_reader(request)
    query = QueryDict(request.POST.get("filters", "")[:1000], mutable=True)
    kept = {name: str(query[name]) for name in WorklistForm.base_fields if query.get(name)}
    # PostgreSQL refuses NUL, and names are stored without control characters.
    typed = "".join(each for each in request.POST.get("words", "") if each.isprintable() or each.isspace())
    words, is_cut = cut_search(" ".join(typed.split()))
    if is_cut:
        messages.warning(request, CUT)
    if words:
        kept["q"] = _keep(request, words)
        add_entry(action="worklist.searched", actor=request.user, address=client_address(request))
    return redirect(_address(kept))


def _require_reader(request: HttpRequest) -> None:
    if not (is_reviewer(request.user) or sees_all_content(request.user)):
        raise PermissionDenied


def _newer(request: HttpRequest, *, filters: Filters) -> HttpResponse:
    top = read_cursor(request, "top")
    count = count_newer(user=request.user, filters=filters, than=top) if top else 0  # type: ignore[arg-type]
    if not count:
        return HttpResponse(status=204)
    url = _address(_kept(request))
    return render(request, "exams/review/_newer.html", {"count": count, "url": url})


def _keep(request: HttpRequest, words: str) -> str:
    searches = dict(request.session.get(SEARCHES, {}))
    name = secrets.token_urlsafe(6)
    searches[name] = words
    request.session[SEARCHES] = dict(list(searches.items())[-SEARCHES_KEPT:])
    return name


def _customer_of(request: HttpRequest, *, filters: Filters) -> Any:
    if filters.customer is None:
        return None
    rows = visible_submissions(request.user).filter(customer__uuid=filters.customer)
    row = rows.without_data().select_related("customer").first()
    return row.customer if row else None


def _kept(request: HttpRequest, **changes: str) -> dict[str, str]:
    names = [*WorklistForm.base_fields, "q"]
    kept = {name: request.GET[name] for name in names if request.GET.get(name)} | changes
    return {name: value for name, value in kept.items() if value}


def _links(request: HttpRequest, *, page: Any) -> dict[str, Any]:
    claims = WorklistForm.base_fields["claim"].choices  # type: ignore[attr-defined]
    return {
        "kept": urlencode(_kept(request, q="")),
        "claims": [
            (label, _address(_kept(request, claim=value)), request.GET.get("claim", "") == value)
            for value, label in claims
        ],
        "without_customer": _address(_kept(request, customer="")),
        "without_search": _address(_kept(request, q="")),
        "by_customer": _address(_kept(request, customer="")),
        "newer": _address(_kept(request, before=str(page.newer))) if page.newer else "",
        "older": _address(_kept(request, after=str(page.older))) if page.older else "",
        "newest": _address(_kept(request)),
    }


def _address(query: dict[str, str]) -> str:
    return f"{reverse('worklist')}?{urlencode(query)}" if query else reverse("worklist")


def read_cursor(request: HttpRequest, name: str) -> uuid.UUID | None:
    """Return the row beside which a page begins, or None; raises RefusedFilter."""
    text = request.GET.get(name)
    try:
        return uuid.UUID(text) if text else None
    except ValueError as error:
        raise RefusedFilter("This list has no such page.") from error
