"""Test an API key before it is stored or used."""

from integrations.clarius import errors, key_problem
from integrations.keyring import client_with


class KeyNotProven(Exception):
    """The key or its host does not work; the message tells the reader the problem and the next step."""

    def __init__(self, message: str, *, is_key_at_fault: bool, may_pass: bool = False) -> None:
        super().__init__(message)
        self.is_key_at_fault = is_key_at_fault
        self.may_pass = may_pass


def prove_key(*, base_url: str, key: str) -> None:
    """Read the Cloud's settings with the key; raises KeyNotProven."""
    problem = key_problem(key)
    if problem:
        raise KeyNotProven(problem, is_key_at_fault=True)
    try:
        with client_with(base_url=base_url, secret=key) as client:
            client.get_settings()
    except errors.KeyRefused:
        raise KeyNotProven(
            "Clarius Cloud does not accept this API key. Copy it again, or create another one there.",
            is_key_at_fault=True,
        ) from None
    except errors.NotFound:
        raise KeyNotProven("There is no Clarius Cloud at this base URL.", is_key_at_fault=False) from None
    except errors.ClariusError as error:
        raise KeyNotProven(error.message, is_key_at_fault=False, may_pass=error.retryable) from None
