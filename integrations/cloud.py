"""The one way in which a job or a page calls Clarius Cloud for a service, and what each error means.

    with cloud(service, rules=DATA_RULES) as client:
        client.download_data(…)

A paused service, an open circuit, the choice of the key, a refused key and throttling are dealt with here.
Errors inside are raised as CloudProblem, whose `means` tells whether trying again can help.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from background.backoff import Backoff
from background.runner import Later
from foundation.crypto import CannotDecrypt
from integrations import keyring
from integrations.clarius import ClariusClient, errors
from integrations.keyring import KeyState, NoKey
from integrations.models import Service


class Means(StrEnum):
    """The meaning of an error for trying again."""

    # The Cloud, the key or the service is unavailable: nothing was done, and there is no limit of tries.
    WAIT = "wait"
    # The Cloud has not prepared it yet.
    NOT_READY = "not_ready"
    # A definite error that may pass: the tries are counted, and limited.
    COUNT = "count"
    NEVER = "never"
    # The call may have taken effect although its answer was lost.
    MAYBE_DONE = "maybe_done"


class Code(StrEnum):
    """The reasons that do not depend on the object of a call."""

    PAUSED = "paused"
    KEY_REFUSED = "key_refused"
    KEY_UNKNOWN = "key_unknown"
    NO_KEY = "no_key"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    OTHER = "other"


@dataclass(frozen=True)
class Rule:
    """The meaning of errors of some kinds, and of some statuses if given; `code` names the reason."""

    errors: type[Exception] | tuple[type[Exception], ...]
    means: Means
    code: str
    status: frozenset[int | None] | None = None
    # Only errors whose answer tells when to try again.
    has_retry_after: bool = False

    def matches(self, error: Exception) -> bool:
        """Tell whether the rule applies to this error."""
        has_status = self.status is None or getattr(error, "status", None) in self.status
        is_timed = not self.has_retry_after or getattr(error, "retry_after", None) is not None
        return isinstance(error, self.errors) and has_status and is_timed


# The first rule that matches decides; a call's own rules come before these.
AWAY: tuple[Rule, ...] = (
    Rule(errors.Unreachable, Means.WAIT, Code.UNREACHABLE),
    Rule(errors.Throttled, Means.WAIT, Code.THROTTLED),
)
DEFAULT: tuple[Rule, ...] = (
    *AWAY,
    Rule((errors.ServerError, errors.Timeout, errors.Truncated), Means.NOT_READY, Code.OTHER),
    Rule(errors.ClariusError, Means.COUNT, Code.OTHER),
)
# For a change that a person waits for: without a definite answer it may have been made.
PAGE: tuple[Rule, ...] = (
    Rule(errors.Throttled, Means.WAIT, Code.THROTTLED),
    Rule(errors.Rejected, Means.MAYBE_DONE, Code.OTHER, status=frozenset({408, 425})),
    Rule(
        (errors.KeyRefused, errors.NotFound, errors.Rejected, errors.BlockedByPolicy), Means.NEVER, Code.OTHER
    ),
    Rule(errors.ClariusError, Means.MAYBE_DONE, Code.OTHER),
)
SENTENCES: Mapping[str, str] = {
    Code.PAUSED: "The service is paused. Resume it first.",
    Code.KEY_REFUSED: keyring.ALL_REFUSED,
    Code.KEY_UNKNOWN: "Clarius Cloud did not accept the API key. Try again in a minute.",
}


class CloudProblem(Exception):
    """A call that was not made or failed; the message is one sentence for the reader."""

    def __init__(
        self, message: str, *, means: Means, code: str, error: Exception | None = None, is_away: bool = False
    ) -> None:
        super().__init__(message)
        self.means = means
        self.code = code
        self.error = error
        # All work of the service waits, whatever the object of the call is.
        self.is_away = is_away

    @property
    def retry_after(self) -> timedelta | None:
        """How long the Cloud asks to wait."""
        return getattr(self.error, "retry_after", None)

    @property
    def is_unknown(self) -> bool:
        """Whether the Cloud answered that it does not know the object."""
        return isinstance(self.error, errors.NotFound)

    @property
    def may_be_done(self) -> bool:
        """Whether the call may have had its effect."""
        return self.means == Means.MAYBE_DONE

    @property
    def kind(self) -> str:
        """Kind and status of the error, without the text of the Cloud."""
        if self.error is None:
            return self.code
        return f"{type(self.error).__name__} {getattr(self.error, 'status', None) or ''}".strip()

    @property
    def detail(self) -> str:
        """Kind of the error and the beginning of the answer, masked, for readers of patient content."""
        if self.error is None:
            return str(self)
        return f"{type(self.error).__name__} {getattr(self.error, 'detail', '')}".strip()

    def later(self, *, cap: timedelta | None = None, **changes: Any) -> Later:
        """Return when a job tries again; the try counts only if the problem is about the job's object."""
        if self.is_away:
            return Later(wait_for_service(), changes=changes)
        backoff = Backoff(retry_after=self.retry_after) if cap is None else Backoff(self.retry_after, cap=cap)
        return Later(backoff, counts=self.means == Means.COUNT, changes=changes)

    @property
    def quoted(self) -> str:
        """The message with the Cloud's own text, for the page of a person who waits; never store it."""
        answer = getattr(self.error, "answer", "")
        return f"{self} It answered: “{answer}”." if answer else str(self)

    def also(self, sentence: str, *, quotes: bool = False) -> "CloudProblem":
        """Return the problem with a sentence added to its message, after the Cloud's own text if quoted."""
        self.args = (f"{self.quoted if quotes else self} {sentence}",)
        return self


def wait_for_service() -> timedelta:
    """Return how long work waits for a paused or refused service, spread since many rows may wait."""
    return keyring.PROBE_EVERY * random.uniform(1, 3)  # noqa: S311


@contextmanager
def cloud(
    service: Service,
    *,
    rules: Sequence[Rule] = DEFAULT,
    always: bool = False,
    secret: str | None = None,
) -> Iterator[ClariusClient]:
    """Yield a client of the service; errors inside become CloudProblem. Do not use it in a transaction.

    `always` is for work on keys and settings, which continues while the service is paused or its circuit
    is open. With `secret` that key is used in place of the key in use, and a refusal is about that key.
    """
    if not always:
        require_open(service)
    try:
        if secret is None:
            client = keyring.client_for(service=service)
        else:
            client = keyring.client_with(base_url=service.base_url, secret=secret)
        with client:
            yield client
    except (NoKey, CannotDecrypt) as error:
        raise CloudProblem(
            str(error), means=Means.WAIT, code=Code.NO_KEY, error=error, is_away=True
        ) from error
    except errors.ClariusError as error:
        raise problem_of(service, error, rules=rules, judges_key=secret is None) from error


def require_open(service: Service) -> None:
    """Raise CloudProblem while the service is paused or no key works."""
    # It may have been paused since the row was read.
    if not Service.objects.filter(pk=service.pk, is_active=True).exists():
        raise _away(Code.PAUSED)
    if keyring.is_circuit_open(service=service):
        raise _away(Code.KEY_REFUSED)


def problem_of(
    service: Service, error: errors.ClariusError, *, rules: Sequence[Rule] = DEFAULT, judges_key: bool = True
) -> CloudProblem:
    """Return what an error means; after a refusal the stored keys are tried, which may open the circuit."""
    if isinstance(error, errors.KeyRefused) and judges_key:
        match keyring.judge_refusal(service=service):
            case KeyState.REFUSED:
                return _away(Code.KEY_REFUSED, error)
            case KeyState.SWITCHED | KeyState.UNKNOWN:
                # Not `_away`: without a backoff and a limit each row would call every minute forever.
                return _problem(Means.WAIT, Code.KEY_UNKNOWN, error)
    return judge(error, (*rules, *DEFAULT))


def judge(error: Exception, rules: Sequence[Rule]) -> CloudProblem:
    """Return what an error means by the first rule that matches; the last one has to match every error."""
    rule = next(rule for rule in rules if rule.matches(error))
    return _problem(rule.means, rule.code, error)


def _away(code: Code, error: Exception | None = None) -> CloudProblem:
    return CloudProblem(SENTENCES[code], means=Means.WAIT, code=code, error=error, is_away=True)


def _problem(means: Means, code: str, error: Exception) -> CloudProblem:
    return CloudProblem(SENTENCES.get(code, str(error)), means=means, code=code, error=error)
