"""Actions on submissions and reports: each adds one audit entry and reports the rows it left as they were."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from audit.entries import add_entry
from exams.models import Report, Submission
from foundation.actions import Action
from foundation.adminkit.requests import actor_of
from integrations.models import Service

UNLISTED = "not yet listed by Clarius Cloud, so their customers are unknown"


@dataclass(frozen=True)
class RowStatus:
    """The status of a row before or after an action, with its label."""

    # The values that an action changes.
    state: tuple[Any, ...]
    label: str
    # The service to poll, for a submission that Clarius Cloud has not listed.
    unlisted_at: int | None = None


def run_audited(action: Action, rows: QuerySet[Any], request: HttpRequest) -> tuple[int, list[str]]:
    """Run the action, add one audit entry for it, and report the status of the rows it left as they were."""
    actor, before, chosen = actor_of(request), _statuses_of(rows), rows.count()
    done = action.service(queryset=rows, **actor)
    add_entry(
        action=f"{rows.model._meta.model_name}.{action.name}",
        outcome="ok" if done == chosen else "partly" if done else "refused",
        actor=actor["user"],
        address=actor["address"],
        chosen=str(chosen),
        done=str(done),
    )
    after = _statuses_of(rows) if done < chosen else {}
    left = [each for pk, each in after.items() if each.state == before[pk].state]
    return done, _explain(left) if left else [action.left]


def _explain(left: list[RowStatus]) -> list[str]:
    """Return a sentence on the rows left as they were, and a link to each service that should be polled."""
    counted = Counter(each.label for each in left).most_common()
    sentence = ", ".join(f"{count} {'is' if count == 1 else 'are'} {label}" for label, count in counted)
    services = Service.objects.filter(pk__in={each.unlisted_at for each in left}).order_by("name")
    pages = [(reverse("admin:integrations_service_change", args=[each.pk]), each.name) for each in services]
    links = [format_html('<a href="{}">Poll {} now</a>.', *page) for page in pages]
    return [f"Nothing was done to the others: {sentence}.", *links]


def _statuses_of(rows: QuerySet[Any]) -> dict[int, RowStatus]:
    """Return the status of submissions or reports by primary key; nothing for rows of other kinds."""
    if rows.model is Submission:
        columns = ("pk", "state", "hold_reason", "given_up_at", "customer", "service")
        return {pk: _of_submission(*rest) for pk, *rest in rows.order_by().values_list(*columns)}
    if rows.model is Report:
        found = rows.order_by().values_list("pk", "state", "given_up_at")
        return {pk: RowStatus((state, at), str(Report.State(state).label)) for pk, state, at in found}
    return {}


def _of_submission(
    state: str, hold_reason: str, given_up_at: Any, customer: int | None, service: int
) -> RowStatus:
    changed = (state, hold_reason, given_up_at)
    if state != Submission.State.HELD:
        return RowStatus(changed, str(Submission.State(state).label))
    if customer is None:
        return RowStatus(changed, UNLISTED, unlisted_at=service)
    return RowStatus(changed, f"held: {Submission.Hold(hold_reason).label}")
