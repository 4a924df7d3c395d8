"""Let tests act between the portal and what it calls: the client of the Cloud, or the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import pytest
from django.db import connection

from integrations.clarius import ClariusClient, MediaClient

Act = Callable[..., Any]


class Around:
    """Wraps calls in functions of a test; a function that was never called fails the test at its end."""

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._unmet: list[str] = []

    def call(self, method: str, act: Act) -> None:
        """Have `act(real, …)` answer this method of the Cloud's client, whoever calls it."""
        self._put(ClariusClient, method, act)

    def download(self, act: Act) -> None:
        """Have `act(real, …)` fetch each media file; it runs in the threads that fetch them."""
        self._put(MediaClient, "download", act)

    def end(self) -> None:
        """Remove the wrappers; raises AssertionError for a function that was never called."""
        self._patch.undo()
        unmet, self._unmet = self._unmet, []
        assert not unmet, f"Never called: {unmet}"

    def _put(self, owner: type, method: str, act: Act) -> None:
        real, name = getattr(owner, method), f"{owner.__name__}.{method}"
        self._unmet.append(name)

        @wraps(real)
        def around(self_: Any, *args: Any, **options: Any) -> Any:
            if name in self._unmet:
                self._unmet.remove(name)
            return act(partial(real, self_), *args, **options)

        self._patch.setattr(owner, method, around)


@pytest.fixture
def around() -> Iterator[Around]:
    """Wrap calls of the portal until the test ends."""
    wrappers = Around()
    yield wrappers
    wrappers.end()


@contextmanager
def after_the_first_statement(*parts: str, act: Callable[[], object]) -> Iterator[None]:
    """Act right after the first statement of this thread that contains every part; there must be one."""
    acted: list[str] = []

    def look(execute: Callable[..., Any], sql: str, *details: Any) -> Any:
        answer = execute(sql, *details)
        if not acted and all(part in sql for part in parts):
            acted.append(sql)
            act()
        return answer

    with connection.execute_wrapper(look):
        yield
    assert acted, f"No statement had {parts}."
