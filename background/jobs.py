"""Which models hold work, and which task does it; apps say so when they are ready."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Model, QuerySet

from background.due import from_now

if TYPE_CHECKING:
    from background.models import LeasedRow


@dataclass(frozen=True)
class Job:
    """Rows of `model` are worked on by the task of this name, which takes a primary key."""

    name: str
    model: "type[LeasedRow]"
    task: str


_jobs: dict[str, Job] = {}


def register(*, name: str, model: type[Model], task: str) -> None:
    """Declare a job on a model of leased rows; raises ValueError when the name stands for another job."""
    # An app registry hands out plain models, and the abstract row cannot be imported before it is ready.
    job = Job(name=name, model=cast("type[LeasedRow]", model), task=task)
    if _jobs.setdefault(name, job) != job:
        raise ValueError(f"The job {name!r} is registered twice, for different work.")


def jobs() -> tuple[Job, ...]:
    """Return every registered job, in the order of registration."""
    return tuple(_jobs.values())


def schedule(
    *,
    model: "type[LeasedRow] | None" = None,
    pk: Any = None,
    queryset: "QuerySet[Any] | None" = None,
    at: datetime | None = None,
) -> int:
    """Make rows due (`at`, or now) with a fresh count of attempts, and return how many.

    Give `model` and `pk`, or `queryset`; raises ValueError otherwise. A row that is held at this moment
    keeps its lease and becomes due once more afterwards.
    """
    if queryset is None:
        if model is None or pk is None:
            raise ValueError("Give model and pk, or queryset.")
        queryset = model._base_manager.filter(pk=pk)
    return queryset.update(
        not_before=from_now() if at is None else at,
        nudged_until=None,
        attempt_count=0,
        # The holder of a lease sees by this that the row was scheduled again meanwhile.
        first_tried_at=None,
    )
