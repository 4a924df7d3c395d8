"""Why rows are left as they were: by reason, with counts, and what a person can do about it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from exams.models import Report, Submission

UNLISTED = "not yet listed by Clarius Cloud, so nobody knows whose they are"


@dataclass(frozen=True)
class RowStatus:
    """Where a row stands: what a deed changes of it, in words, and its service while the Cloud is silent."""

    mark: tuple[Any, ...]
    words: str
    unlisted_at: int | None = None


def statuses_of(rows: QuerySet[Any]) -> dict[int, RowStatus]:
    """Return where submissions or reports stand, by primary key; nothing for rows of other kinds."""
    if rows.model is Submission:
        columns = ("pk", "state", "hold_reason", "given_up_at", "customer", "service")
        return {pk: _of_submission(*rest) for pk, *rest in rows.order_by().values_list(*columns)}
    if rows.model is Report:
        found = rows.order_by().values_list("pk", "state", "given_up_at")
        return {pk: RowStatus((state, at), str(Report.State(state).label)) for pk, state, at in found}
    return {}


def tell(standings: Iterable[RowStatus]) -> str:
    """Count in one sentence how rows stand, most first."""
    counted = Counter(each.words for each in standings).most_common()
    return ", ".join(f"{count} {'is' if count == 1 else 'are'} {words}" for words, count in counted)


def _of_submission(
    state: str, hold_reason: str, given_up_at: Any, customer: int | None, service: int
) -> RowStatus:
    mark = (state, hold_reason, given_up_at)
    if state != Submission.State.HELD:
        return RowStatus(mark, str(Submission.State(state).label))
    if customer is None:
        return RowStatus(mark, UNLISTED, unlisted_at=service)
    return RowStatus(mark, f"held: {Submission.Hold(hold_reason).label}")
