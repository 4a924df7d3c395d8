"""One thing that needs a person, and what one click can do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.urls import reverse

from foundation.actions import Action


@dataclass(frozen=True)
class Mend:
    """What can be done to the rows of a problem, at once or after a page that asks which deed it shall be."""

    rows: QuerySet[Any]
    permission: str
    deeds: tuple[Action, ...]
    button: str = ""
    asks: bool = False
    # A decision about each row by itself: the page lets a person choose rows, and chooses none.
    is_one_by_one: bool = False


@dataclass(frozen=True)
class Problem:
    """A sentence, how many rows of what it is about, since when, and the page where these are."""

    name: str
    sentence: str
    button: str
    url: str
    noun: str
    # Whoever may not open that page is not told of the problem either.
    permission: str
    count: int = 1
    oldest: datetime | None = None
    tone: str = "warn"
    # What tells it from the same trouble of another service.
    about: str = ""
    mend: Mend | None = None

    @property
    def key(self) -> str:
        """Its name in an address."""
        return f"{self.name}.{self.about}" if self.about else self.name

    @property
    def deed_button(self) -> str:
        """What is written on the button that mends it."""
        return (self.mend.button or self.mend.deeds[0].button) if self.mend is not None else ""


def list_url(model: type[Model], **lookups: Any) -> str:
    """Return the address of an administration's list that holds exactly these rows."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode({name: _text(value) for name, value in lookups.items()})}"


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
