"""Database errors that a test causes on purpose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Model


@contextmanager
def inserts_fail(model: type[Model], error: Exception) -> Iterator[list[str]]:
    """Fail with this error when a row of the model is inserted; yields the statements that failed."""
    failed: list[str] = []

    def execute(call: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith(f'INSERT INTO "{model._meta.db_table}"'):
            failed.append(sql)
            raise error
        return call(sql, *rest)

    with connection.execute_wrapper(execute):
        yield failed
    assert failed


@contextmanager
def reads_fail(model: type[Model], error: Exception) -> Iterator[list[str]]:
    """Fail with this error when rows of the model are read; yields the statements that failed."""
    failed: list[str] = []

    def execute(call: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("SELECT") and f'FROM "{model._meta.db_table}"' in sql:
            failed.append(sql)
            raise error
        return call(sql, *rest)

    with connection.execute_wrapper(execute):
        yield failed
    assert failed
