"""The confirmation page of the admin."""

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
    """A question: the action, the rows it would change, and the fields it needs."""

    title: str
    button: str
    # The URL of the Cancel button.
    back: str
    explanation: str = ""
    warning: str = ""
    # The action cannot be undone, or takes access away.
    is_grave: bool = False
    facts: Sequence[tuple[str, Any]] = ()
    table: dict[str, Any] | None = None
    table_title: str = ""
    form: Form | None = None
    hidden: Sequence[tuple[str, Any]] = ()
    # The URL that receives the answer; if empty, the current page.
    target: str = ""
    problems: Sequence[str] = ()


def ask(
    request: HttpRequest, question: Question, *, site: AdminSite, opts: Any = None, status: int = 200
) -> HttpResponse:
    """Draw the confirmation page."""
    context = site.each_context(request) | {
        "title": question.title,
        "opts": opts,
        "question": question,
        "form": question.form,
    }
    return render(request, "adminkit/question.html", context, status=status)


def table_of(rows: QuerySet[Any], *, page: Any, columns: Sequence[Any]) -> dict[str, Any]:
    """Return rows as data for the theme's table, with columns of the page that lists them."""
    return {
        "headers": [label_for_field(column, rows.model, page) for column in columns],
        "rows": [[_cell(column, row, page) for column in columns] for row in rows],
    }


def _cell(column: Any, row: Any, page: Any) -> Any:
    field, attribute, value = lookup_field(column, row, page)
    if field is None:
        return display_for_value(value, EMPTY, getattr(attribute, "boolean", False))
    return display_for_field(value, field, EMPTY) or EMPTY
