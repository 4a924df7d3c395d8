"""One thing that needs a person."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Problem:
    """A sentence, how many rows it is about, since when, and the page where it is dealt with."""

    name: str
    sentence: str
    button: str
    url: str
    count: int = 1
    oldest: datetime | None = None
    tone: str = "warn"
