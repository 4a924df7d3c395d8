"""A log of the calls about each submission and report, for administrators; bounded, and without content."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from exams.models import Call, Submission
from integrations.clarius import ClariusClient
from integrations.clarius.errors import ClariusError

logger = logging.getLogger(__name__)

KEPT_FOR_EACH = 50
KEPT_FOR = timedelta(days=30)
# Looking for old rows after every call would cost more than the rows do.
CLEAN_EVERY = 100


@contextmanager
def noted(*, kind: Call.Kind, client: ClariusClient, **about: Any) -> Iterator[None]:
    """Note the call made inside, about `submission` or `report`; its errors pass through."""
    started = time.monotonic()
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
        raise
    finally:
        note_call(
            kind=kind,
            seconds=time.monotonic() - started,
            status=client.last_status if failure is None else None,
            error=failure,
            key_prefix=client.key_prefix,
            **about,
        )


@contextmanager
def files_noted(*, submission: Submission, count: int) -> Iterator[list[Exception]]:
    """Note one round of files in one line; the caller adds the errors of single files to the list."""
    started = time.monotonic()
    failures: list[Exception] = []
    try:
        yield failures
    except Exception as error:
        failures.append(error)
        raise
    finally:
        first = failures[0] if failures else None
        said = getattr(first, "message", "")
        arrived = max(0, count - len(failures))
        note_call(
            kind=Call.Kind.FILES,
            seconds=time.monotonic() - started,
            status=None,
            error=first,
            message=f"{arrived} of {count} files arrived. {said}".strip(),
            submission=submission,
        )


def note_call(
    *,
    kind: Call.Kind,
    seconds: float,
    status: int | None,
    error: Exception | None,
    message: str = "",
    key_prefix: str = "",
    **about: Any,
) -> None:
    """Write one call down; a log that cannot be written stops nothing."""
    if isinstance(error, ClariusError):
        status = error.status if error.status is not None else status
        message = message or error.message
    row = Call(
        kind=kind,
        at=timezone.now(),
        status=status,
        milliseconds=max(0, int(seconds * 1000)),
        key_prefix=key_prefix[:32],
        error=type(error).__name__[:60] if error is not None else "",
        message=message[:300],
        **about,
    )
    try:
        row.save(force_insert=True)
        _forget(row, about)
    except DatabaseError:
        logger.warning("A call could not be noted.")


def _forget(row: Call, about: dict[str, Any]) -> None:
    newest = Call.objects.filter(**about).order_by("-id").values_list("pk", flat=True)
    surplus = list(newest[KEPT_FOR_EACH : KEPT_FOR_EACH + CLEAN_EVERY])
    if surplus:
        Call.objects.filter(pk__in=surplus).delete()
    if row.pk % CLEAN_EVERY == 0:
        Call.objects.filter(at__lt=row.at - KEPT_FOR).delete()
