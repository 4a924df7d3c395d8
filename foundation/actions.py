"""Something a person can do to selected rows, as data: pages ask for it, services do it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """How a page asks for it, the service that does it and the end of the sentence that reports it."""

    name: str
    button: str
    message: str
    # Called with `queryset`, `user` and `address`; returns to how many rows it was done.
    service: Callable[..., int]
    # With a title, a page asks first.
    title: str = ""
    explanation: str = ""
    warning: str = ""
    is_grave: bool = False
    # Why nothing was done to the other rows.
    left: str = "The others are not in a state that allows it."
    # Of more rows than one step takes, the newest are taken; otherwise none are.
    is_partial: bool = True
    # The permission of the page that lists the rows, as Django's admin names it.
    permission: str = "operate"
    # From the selected rows to those it is done to, where these are others.
    rows_of: Callable[[Any], Any] | None = None
