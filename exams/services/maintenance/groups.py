"""Submissions and reports by state and reason, each group with the list that holds exactly its rows."""

from itertools import chain
from typing import Any

from django.db.models import Count, Min, QuerySet

from exams.models import Report, Submission
from foundation.admin_urls import list_url
from foundation.checks import Group

# Shown for states that need no reason.
GOES_ON = {
    Submission.State.RECEIVED: "Waiting to be fetched.",
    Submission.State.FETCHING: "Being fetched.",
    Report.State.SIGNED: "Waiting to be sent.",
    Report.State.SENDING: "Being sent.",
}


def groups_of(rows: QuerySet[Any], *, since: str, **lookups: Any) -> tuple[Group, ...]:
    """Return the groups, largest first; `lookups` are the list's filters that all of them share."""
    model = rows.model
    names = ("state", "failure_reason", *(("hold_reason",) if model is Submission else ()))
    rows = rows.order_by().values(*names).annotate(count=Count("pk"), oldest=Min(since))
    return tuple(
        sorted(
            (_group(model, row, lookups) for row in rows),
            key=lambda each: (-each.count, each.state, each.reason),
        )
    )


def list_unfinished(user: Any) -> list[Group]:
    """Return submissions and reports that are neither problems nor finished: on their way, or stopped."""
    parts = []
    if user.has_perm("exams.view_submission"):
        rows = Submission.objects.going_on() | Submission.objects.stopped()
        parts.append(groups_of(rows, since="received_at"))
    if user.has_perm("exams.view_report"):
        parts.append(groups_of(Report.objects.going_on(), since="signed_at"))
    return list(chain.from_iterable(parts))


def _group(model: Any, row: dict[str, Any], lookups: dict[str, Any]) -> Group:
    state, hold = row["state"], row.get("hold_reason", "")
    filters = {"state__exact": state, "given_up_at__isempty": "1", **lookups}
    if hold:
        reason = str(Submission.Hold(hold).label)
        filters["hold_reason__exact"] = hold
    elif row["failure_reason"]:
        sentences = dict(model._meta.get_field("failure_reason").choices)
        reason = str(sentences.get(row["failure_reason"], row["failure_reason"]))
        filters["failure_reason__exact"] = row["failure_reason"]
    else:
        reason = GOES_ON.get(state, "No reason was recorded.")
    label = str(model.State(state).label)
    url = list_url(model, **filters)
    return Group(state=label, reason=reason, count=row["count"], oldest=row["oldest"], url=url)
