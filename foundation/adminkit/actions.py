"""Run an action from an admin page: ask for confirmation if it wants one, and report the result."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join

from foundation.actions import Action
from foundation.adminkit.question import Question, ask, table_of
from foundation.adminkit.requests import actor_of

# Rows listed in the question; the rest are counted.
SHOWN = 20

# Runs the action on the rows; returns the number it changed, and sentences about the others.
Run = Callable[[Action, QuerySet[Any], HttpRequest], tuple[int, list[str]]]


def run_service(action: Action, rows: QuerySet[Any], request: HttpRequest) -> tuple[int, list[str]]:
    """Run the action's service."""
    return action.service(queryset=rows, **actor_of(request)), [action.left]


def respond(
    page: Any, request: HttpRequest, selected: QuerySet[Any], *, action: Action
) -> HttpResponse | None:
    """Ask for confirmation, or run the action; None leads back to the list."""
    most = settings.BULK_LIMIT
    rows = action.rows_of(selected) if action.rows_of else selected
    count, plural = rows.count(), rows.model._meta.verbose_name_plural
    if not count:
        messages.info(request, f"Nothing was changed: the selected rows have no {plural} that allow it.")
    elif count > most and not action.is_partial:
        messages.error(
            request,
            f"{count:,} {plural} are selected, but one step takes at most {most}. Nothing was changed. "
            "Select fewer rows with a filter or a search.",
        )
    elif action.title and request.POST.get("confirmed") != "yes":
        return _ask_first(page, request, selected, rows, action)
    else:
        run_action(request=request, queryset=rows, action=action, run=page.action_runner)
    return None


def run_action(
    *, request: HttpRequest, queryset: QuerySet[Any], action: Action, run: Run = run_service
) -> None:
    """Run the action on the newest rows, at most `BULK_LIMIT`, and report the result as a message."""
    model, most = queryset.model, settings.BULK_LIMIT
    keys = list(queryset.order_by("-pk").values_list("pk", flat=True)[: most + 1])
    is_more, keys = len(keys) > most, keys[:most]
    done, left = run(action, model._default_manager.filter(pk__in=keys), request)
    parts = [f"{done} of {len(keys)} {model._meta.verbose_name_plural} {action.message}."]
    if done < len(keys):
        parts += left
    if is_more:
        parts.append(f"One step takes at most {most}. Repeat it for the rest.")
    level = messages.SUCCESS if done == len(keys) and not is_more else messages.WARNING
    messages.add_message(request, level, format_html_join(" ", "{}", ((part,) for part in parts)))


def _ask_first(
    page: Any, request: HttpRequest, selected: QuerySet[Any], rows: QuerySet[Any], action: Action
) -> HttpResponse:
    most = settings.BULK_LIMIT
    keys = list(selected.values_list("pk", flat=True)[: most + 1])
    hidden: list[tuple[str, Any]] = [("action", action.name), ("confirmed", "yes")]
    if len(keys) > most:
        # Too many to name in a form, so the form selects everything again.
        hidden.append(("select_across", "1"))
        keys = keys[:1]
    owner = page.admin_site._registry[rows.model]
    count, related = rows.count(), owner.list_select_related or ()
    question = Question(
        title=action.title,
        button=action.button,
        back=request.get_full_path(),
        target=request.get_full_path(),
        explanation=action.explanation,
        warning=action.warning,
        is_grave=action.is_grave,
        table=table_of(
            rows.select_related(*related)[:SHOWN],
            page=owner,
            columns=owner.written(owner.question_columns or owner.list_display),
        ),
        table_title=f"{count:,} selected"
        + (f"; the first {SHOWN} are shown" if count > SHOWN else "")
        + (f". One step takes the newest {most}; repeat it for the rest" if count > most else ""),
        hidden=[*hidden, *((ACTION_CHECKBOX_NAME, key) for key in keys)],
    )
    return ask(request, question, site=page.admin_site, opts=page.opts)
