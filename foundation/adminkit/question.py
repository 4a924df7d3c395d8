"""The one page of the administration that asks before something is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import label_for_field, lookup_field
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.utils import display_for_field, display_for_value

EMPTY = "—"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What would be done, to what, and what has to be filled in for it."""

    title: str
    button: str
    # Where "Cancel" leads.
    back: str
    explanation: str = ""
    warning: str = ""
    # Cannot be undone, or takes something away from somebody.
    is_grave: bool = False
    facts: Sequence[tuple[str, Any]] = ()
    table: dict[str, Any] | None = None
    table_title: str = ""
    form: Form | None = None
    hidden: Sequence[tuple[str, Any]] = ()
    # Where the answer is sent; empty: to the page that asks.
    target: str = ""
    problems: Sequence[str] = ()


def ask(
    request: HttpRequest, question: Question, *, site: AdminSite, opts: Any = None, status: int = 200
) -> HttpResponse:
    """Draw the page."""
    context = site.each_context(request) | {
        "title": question.title,
        "opts": opts,
        "question": question,
        "form": question.form,
    }
    return render(request, "adminkit/question.html", context, status=status)


def table_of(rows: QuerySet[Any], *, page: Any, columns: Sequence[Any]) -> dict[str, Any]:
    """Return rows with columns of the page that lists them, as the theme draws tables."""
    return {
        "headers": [label_for_field(column, rows.model, page) for column in columns],
        "rows": [[_cell(column, row, page) for column in columns] for row in rows],
    }


def _cell(column: Any, row: Any, page: Any) -> Any:
    field, attribute, value = lookup_field(column, row, page)
    if field is None:
        return display_for_value(value, EMPTY, getattr(attribute, "boolean", False))
    return display_for_field(value, field, EMPTY) or EMPTY
