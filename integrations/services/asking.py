"""One call to the Cloud for a person who waits for its answer: done, refused, or not known now."""

from collections.abc import Callable
from typing import Self, TypeVar

from integrations.clarius import ClariusClient, errors
from integrations.models import Service
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

T = TypeVar("T")


class CloudSaidNo(Exception):
    """The Cloud did not do it; the message is one sentence for the reader."""

    def also(self, words: str) -> Self:
        """Return the error with what it means here."""
        self.args = (f"{self} {words}",)
        return self


class Refused(CloudSaidNo):
    """A definite answer; `is_unknown` when the Cloud does not know the object."""

    def __init__(self, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_unknown = is_unknown


class NotAnswered(CloudSaidNo):
    """The Cloud cannot answer now; `may_be_done` when the call may have had its effect all the same."""

    def __init__(self, message: str, *, may_be_done: bool = False) -> None:
        super().__init__(message)
        self.may_be_done = may_be_done


def ask(*, service: Service, call: Callable[[ClariusClient], T]) -> T:
    """Make one call with the key in use; raises Refused or NotAnswered. Not inside a transaction."""
    if not service.is_active:
        raise Refused("The service is paused: resume it first.")
    if circuit.is_open(service=service):
        raise NotAnswered(circuit.SENTENCE)
    try:
        with client_for(service=service) as client:
            return call(client)
    except NoKey as error:
        raise NotAnswered(str(error)) from None
    except errors.ClariusError as error:
        raise _said(service, error) from None


def _said(service: Service, error: errors.ClariusError) -> CloudSaidNo:
    if isinstance(error, errors.KeyRefused):
        if circuit.key_is_refused(service=service):
            return NotAnswered("Clarius Cloud did not accept the API key; try again in a minute.")
        return Refused(error.message)
    if isinstance(error, errors.NotFound):
        return Refused(error.message, is_unknown=True)
    if isinstance(error, errors.Rejected | errors.BlockedByPolicy) and not error.retryable:
        return Refused(error.message)
    return NotAnswered(error.message, may_be_done=True)
