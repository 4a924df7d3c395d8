"""Actions on selected rows, declared as data: pages offer them, services carry them out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """An action: the button and question of a page, the service that does it, and the message afterwards."""

    name: str
    button: str
    # The end of the message: "3 of 5 submissions …".
    message: str
    # Called with `queryset`, `user` and `address`; returns the number of rows it changed.
    service: Callable[..., int]
    # With a title, a page asks for confirmation first.
    title: str = ""
    explanation: str = ""
    warning: str = ""
    is_grave: bool = False
    # Explains why the other rows were left unchanged.
    left: str = "The others are not in a state that allows it."
    # If too many rows are selected, the newest are taken; otherwise the action is refused.
    is_partial: bool = True
    # The permission of the page that lists the rows, as Django's admin names it.
    permission: str = "operate"
    # Maps the selected rows to the rows that the action changes, if they differ.
    rows_of: Callable[[Any], Any] | None = None
