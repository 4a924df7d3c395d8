"""A log, for administrators, of the calls about each submission, report and poll run.

It is bounded, and holds nothing of what was sent or answered.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from exams.models import Call, PollRun, Submission
from exams.states import Failure
from integrations.clarius import ClariusClient
from integrations.clarius.errors import KeyRefused
from integrations.cloud import Rule

Page = TypeVar("Page")
logger = logging.getLogger(__name__)

# Long enough to look into a complaint.
KEPT_FOR = timedelta(days=30)


@contextmanager
def logged_call(
    *, kind: Call.Kind, client: ClariusClient, rules: Sequence[Rule] = (), **about: Any
) -> Iterator[Call]:
    """Log the call made inside, about `submission` or `report`, and yield its row; errors pass through.

    With `rules`, an error is explained as on the page of the submission.
    """
    row, started = Call(kind=kind, **about), time.monotonic()
    try:
        yield row
    except Exception as error:
        _complete(row, started, client=client, error=error, rules=rules)
        raise
    else:
        _complete(row, started, client=client)
    finally:
        _store(row, about)


@contextmanager
def logged_files(*, submission: Submission, count: int) -> Iterator[list[Exception | None]]:
    """Log one round of files in one row; the caller adds to the list the error of each file, or None."""
    row, started = Call(kind=Call.Kind.FILES, submission=submission), time.monotonic()
    outcomes: list[Exception | None] = []
    try:
        yield outcomes
    except Exception as error:
        outcomes.append(error)
        raise
    finally:
        row.message = f"{outcomes.count(None)} of {count} files arrived."
        _complete(row, started, error=next(filter(None, outcomes), None))
        _store(row, {"submission": submission})


class PageCalls:
    """The calls of one poll run: the first and the newest, kept in memory until the poll run has a row.

    A poll run may have 10,000 pages, and a row for each would cost as much as the run itself. The useful
    rows are the first one and the last ones, which show where the run failed.
    """

    def __init__(self) -> None:
        self._first: list[Call] = []
        self._newest: deque[Call] = deque(maxlen=settings.CALLS_KEPT - 1)

    def log_pages(self, pages: Iterator[Page], *, client: ClariusClient) -> Iterator[Page]:
        """Yield the pages and log the call for each; its errors pass through."""
        for number in count(1):
            row, started = Call(kind=Call.Kind.LIST, message=f"Page {number}."), time.monotonic()
            try:
                if (page := next(pages, None)) is None:
                    return
                _complete(row, started, client=client)
            except Exception as error:
                _complete(row, started, client=client, error=error)
                raise
            finally:
                # The end of the pages is not a call.
                if row.at is not None:
                    (self._newest if self._first else self._first).append(row)
            yield page

    def save(self, *, poll_run: PollRun) -> None:
        """Store the calls; a failure to do so is logged and otherwise ignored."""
        rows = [*self._first, *self._newest]
        for row in rows:
            row.poll_run = poll_run
        try:
            Call.objects.bulk_create(rows)
        except DatabaseError:
            logger.warning("The calls of a poll run could not be stored.")


def _message(error: Exception, rules: Sequence[Rule]) -> str:
    rule = next((rule for rule in rules if rule.matches(error)), None)
    # Whether a refusal is about the key or about the exam is not known yet.
    if rule is None or isinstance(error, KeyRefused):
        return str(getattr(error, "message", ""))
    return str(Failure(rule.code).label)


def _complete(
    row: Call,
    started: float,
    *,
    client: ClariusClient | None = None,
    error: Exception | None = None,
    rules: Sequence[Rule] = (),
) -> None:
    row.at = timezone.now()
    row.milliseconds = int((time.monotonic() - started) * 1000)
    row.key_prefix = client.key_prefix[:32] if client is not None else ""
    if error is None:
        row.status = client.last_status if client is not None else None
        return
    row.status = getattr(error, "status", None)
    row.error = type(error).__name__[:60]
    row.message = f"{row.message} {_message(error, rules)}".strip()[:300]


def _store(row: Call, about: dict[str, Any]) -> None:
    """Store one call and delete old ones; a failure to do so is logged and otherwise ignored."""
    try:
        row.save(force_insert=True)
        newest = Call.objects.filter(**about).order_by("-id").values_list("pk", flat=True)
        surplus = list(newest[settings.CALLS_KEPT : settings.CALLS_KEPT + settings.CALLS_CLEAN_EVERY])
        if surplus:
            Call.objects.filter(pk__in=surplus).delete()
        if row.pk % settings.CALLS_CLEAN_EVERY == 0:
            Call.objects.filter(at__lt=row.at - KEPT_FOR).delete()
    except DatabaseError:
        logger.warning("A call could not be stored.")
