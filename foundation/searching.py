"""Filters and searches of lists: what is refused, how much is searched for, and for how long."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db import OperationalError, connection, transaction

# Enough for any name or identifier; each word is compared with several columns of each row.
MOST_WORDS = 8
MOST_CHARACTERS = 200
CUT = f"The search used only the first {MOST_WORDS} words and {MOST_CHARACTERS} characters."
# PostgreSQL's code for a statement that was cancelled, also by its time limit.
QUERY_CANCELED = "57014"


class RefusedFilter(BadRequest):
    """An address asks for a filter that a list does not have; the message is a sentence for the reader."""

    title = "This filter cannot be used"


class SearchTooLong(RefusedFilter):
    """The database stopped a search at its time limit."""

    title = "This search takes too long"


def cut_search(text: str) -> tuple[str, bool]:
    """Return the part of a text that is searched for, and whether that is less than the text."""
    words = text[:MOST_CHARACTERS].split()
    if len(text) <= MOST_CHARACTERS and len(words) <= MOST_WORDS:
        return text, False
    return " ".join(words[:MOST_WORDS]), True


@contextmanager
def time_limited() -> Iterator[None]:
    """Read with a time limit for each statement on PostgreSQL; raises SearchTooLong.

    The limit ends with its transaction. As an option of the connection it would also hold for the webhook,
    which shares the connections of the pages, and behind a pooler for jobs and migrations.
    """
    if connection.vendor != "postgresql":
        yield
        return
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                milliseconds = str(int(settings.SEARCH_SECONDS * 1000))
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [milliseconds])
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != QUERY_CANCELED:
            raise
        raise SearchTooLong("Search for fewer or for whole words, or set a filter first.") from error
