"""What an error means for a row: whether trying again can help, for how long, and what a reader is told."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from django.conf import settings

from background.backoff import CAP, LONGEST_RETRY_AFTER
from exams.models import Submission
from exams.storage import DiskFull, NotWritable
from integrations.clarius import errors
from integrations.models import Service
from integrations.services import circuit
from integrations.services.clients import NoKey

PATIENCE = timedelta(hours=24)
GONE = 410
NOT_YET = frozenset({400, 404, 408, 409, 425})


class Retry(Enum):
    """How to go on after an error."""

    # The other side, or our disk, is away: no attempt was made, and there is no end to trying.
    LATER = auto()
    # The Cloud is not ready yet: until a day has passed.
    PATIENTLY = auto()
    # A definite error: until the attempts are used up.
    COUNTED = auto()
    NEVER = auto()


@dataclass(frozen=True)
class Verdict:
    """How to go on, a sentence for the reader, and a detail for administrators."""

    retry: Retry
    reason: str
    detail: str
    retry_after: timedelta | None = None


Rule = tuple[type[Exception] | tuple[type[Exception], ...], Retry, str]

# The first rule that matches decides.
_SHARED: tuple[Rule, ...] = (
    (DiskFull, Retry.LATER, "The portal has no room for files at the moment; it goes on by itself."),
    (NotWritable, Retry.LATER, "The portal cannot store files at the moment; it goes on by itself."),
    (NoKey, Retry.LATER, "The service has no API key in use."),
    (errors.Unreachable, Retry.LATER, "Clarius Cloud cannot be reached; the portal tries again by itself."),
    (errors.Throttled, Retry.LATER, "Clarius Cloud asks to call less often; the portal waits."),
)
DATA_RULES: tuple[Rule, ...] = (
    *_SHARED,
    (
        (errors.ServerError, errors.Timeout, errors.Truncated),
        Retry.PATIENTLY,
        "Clarius Cloud could not give the exam's data; the portal tries again by itself.",
    ),
    (errors.KeyRefused, Retry.COUNTED, "Clarius Cloud refuses access to this exam."),
    (errors.TooLarge, Retry.NEVER, "The exam's data is larger than the portal accepts."),
    (errors.ProtocolError, Retry.COUNTED, "Clarius Cloud answered with something that is no exam data."),
)
MEDIA_RULES: tuple[Rule, ...] = (
    *_SHARED,
    (
        (errors.ServerError, errors.Timeout),
        Retry.PATIENTLY,
        "The file could not be fetched yet; the portal tries again by itself.",
    ),
    (errors.Truncated, Retry.PATIENTLY, "The file arrived incomplete; the portal tries again by itself."),
    (errors.LinkDead, Retry.PATIENTLY, "The link to the file no longer works."),
    (errors.TooLarge, Retry.NEVER, "The file is larger than the portal accepts."),
    (errors.BlockedByPolicy, Retry.NEVER, "The file's address may not be called."),
    (errors.ProtocolError, Retry.NEVER, "The server sent something that is no image or video."),
)


def judge_data(error: Exception) -> Verdict:
    """Return the verdict on an error of the download data."""
    status = getattr(error, "status", None)
    if status == GONE:
        return _verdict(error, Retry.NEVER, "Clarius Cloud no longer has this exam.")
    if isinstance(error, (errors.NotFound, errors.Rejected)) and status in NOT_YET:
        return _verdict(error, Retry.PATIENTLY, "Clarius Cloud does not have the exam's data ready yet.")
    return _judge(error, DATA_RULES, "The exam's data could not be fetched.")


def judge_media(error: Exception) -> Verdict:
    """Return the verdict on an error of one file."""
    return _judge(error, MEDIA_RULES, "The file could not be fetched.")


def pause(*, now: datetime, since: datetime | None, retry_after: timedelta | None = None) -> datetime:
    """Return when to ask again: 10 s after the first time, then as long as it has been, up to 30 min."""
    base = timedelta(seconds=settings.RETRY_BASE_SECONDS)
    waited = now - since if since is not None else base
    ceiling = min(max(waited, base), CAP)
    delay = ceiling * random.uniform(0.5, 1)  # noqa: S311
    if retry_after is not None:
        delay = max(delay, min(retry_after, LONGEST_RETRY_AFTER))
    return now + delay


def may_call(*, service: Service) -> bool:
    """Tell whether the service is switched on and its key is not known to be refused."""
    return service.is_active and not circuit.is_open(service=service)


def next_turn(*, now: datetime) -> datetime:
    """Return when to look again whether the service may be called; spread, since many rows wait for it."""
    return now + circuit.PROBE_EVERY * random.uniform(1, 3)  # noqa: S311


def is_out_of_patience(*, submission: Submission, now: datetime) -> bool:
    """Tell whether the Cloud has not been ready for a day."""
    return submission.not_ready_since is not None and now - submission.not_ready_since >= PATIENCE


def _judge(error: Exception, rules: tuple[Rule, ...], otherwise: str) -> Verdict:
    for kinds, retry, reason in rules:
        if isinstance(error, kinds):
            return _verdict(error, retry, reason)
    return _verdict(error, Retry.COUNTED, otherwise)


def _verdict(error: Exception, retry: Retry, reason: str) -> Verdict:
    detail = getattr(error, "detail", "")
    return Verdict(
        retry=retry,
        reason=reason,
        detail=f"{type(error).__name__} {detail}".strip(),
        retry_after=getattr(error, "retry_after", None),
    )
