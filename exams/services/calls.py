"""A log, for administrators, of the calls about each submission, report and poll run.

It is bounded, and holds nothing of what was sent or answered.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from exams.models import Call, PollRun, Submission
from integrations.clarius import ClariusClient
from integrations.clarius.errors import ClariusError

Page = TypeVar("Page")
logger = logging.getLogger(__name__)

# Long enough to look into a complaint.
KEPT_FOR = timedelta(days=30)


@contextmanager
def logged_call(*, kind: Call.Kind, client: ClariusClient, **about: Any) -> Iterator[None]:
    """Log the call made inside, about `submission` or `report`; its errors pass through."""
    started = time.monotonic()
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
        raise
    finally:
        log_call(
            kind=kind,
            seconds=time.monotonic() - started,
            status=client.last_status if failure is None else None,
            error=failure,
            key_prefix=client.key_prefix,
            **about,
        )


@contextmanager
def logged_files(*, submission: Submission, count: int) -> Iterator[list[Exception]]:
    """Log one round of files in one row; the caller adds the errors of single files to the list."""
    started = time.monotonic()
    failures: list[Exception] = []
    try:
        yield failures
    except Exception as error:
        failures.append(error)
        raise
    finally:
        first = failures[0] if failures else None
        message = getattr(first, "message", "")
        arrived = max(0, count - len(failures))
        log_call(
            kind=Call.Kind.FILES,
            seconds=time.monotonic() - started,
            status=None,
            error=first,
            message=f"{arrived} of {count} files arrived. {message}".strip(),
            submission=submission,
        )


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
            started = time.monotonic()
            try:
                page = next(pages)
            except StopIteration:
                return
            except Exception as error:
                self._add(number, client, time.monotonic() - started, error)
                raise
            self._add(number, client, time.monotonic() - started, None)
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

    def _add(self, number: int, client: ClariusClient, seconds: float, error: Exception | None) -> None:
        status = client.last_status if error is None else None
        message = getattr(error, "message", "")
        row = _call(
            Call.Kind.LIST, seconds, status, error, f"Page {number}. {message}".strip(), client.key_prefix
        )
        (self._newest if self._first else self._first).append(row)


def log_call(
    *,
    kind: Call.Kind,
    seconds: float,
    status: int | None,
    error: Exception | None,
    message: str = "",
    key_prefix: str = "",
    **about: Any,
) -> None:
    """Store one call; a failure to do so is logged and otherwise ignored."""
    row = _call(kind, seconds, status, error, message, key_prefix, **about)
    try:
        row.save(force_insert=True)
        _remove_old(row, about)
    except DatabaseError:
        logger.warning("A call could not be stored.")


def _call(
    kind: Call.Kind,
    seconds: float,
    status: int | None,
    error: Exception | None,
    message: str,
    key_prefix: str,
    **about: Any,
) -> Call:
    if isinstance(error, ClariusError):
        status = error.status if error.status is not None else status
        message = message or error.message
    return Call(
        kind=kind,
        at=timezone.now(),
        status=status,
        milliseconds=max(0, int(seconds * 1000)),
        key_prefix=key_prefix[:32],
        error=type(error).__name__[:60] if error is not None else "",
        message=message[:300],
        **about,
    )


def _remove_old(row: Call, about: dict[str, Any]) -> None:
    newest = Call.objects.filter(**about).order_by("-id").values_list("pk", flat=True)
    surplus = list(newest[settings.CALLS_KEPT : settings.CALLS_KEPT + settings.CALLS_CLEAN_EVERY])
    if surplus:
        Call.objects.filter(pk__in=surplus).delete()
    if row.pk % settings.CALLS_CLEAN_EVERY == 0:
        Call.objects.filter(at__lt=row.at - KEPT_FOR).delete()
