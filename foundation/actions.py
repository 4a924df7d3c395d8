"""Something a person can do to chosen rows, as data: pages ask for it, services do it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """How a page asks for it, the service that does it and the end of the sentence that reports it."""

    name: str
    button: str
    told: str
    # Called with `queryset`, `user` and `address`; returns to how many rows it was done.
    service: Callable[..., int]
    title: str = ""
    explanation: str = ""
    warning: str = ""
    is_grave: bool = False
