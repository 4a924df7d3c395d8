"""Poll a service's whole list twice, in the portal's environment: `python -m bench.polling RESULT`."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402

from bench.measuring import Usage  # noqa: E402
from exams.services.intake.polling import poll_now  # noqa: E402
from integrations.models import Service  # noqa: E402


class Counted:
    """A counter of statements and their time."""

    def __init__(self) -> None:
        self.statements = 0
        self.seconds = 0.0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        began = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            self.statements += 1
            self.seconds += time.monotonic() - began


def whole_list() -> dict[str, float]:
    """Read the list to its end and return the resources used."""
    counted = Counted()
    service = Service.objects.get()
    with connection.execute_wrapper(counted), Usage() as usage:
        poll_run = poll_now(service=service, is_full=True)
    assert poll_run is not None and poll_run.is_whole and not poll_run.error_count
    return usage.facts() | {
        "statements": counted.statements,
        "database_seconds": counted.seconds,
        "pages": poll_run.page_count,
        "new_rows": poll_run.new_count,
    }


def main(file: str) -> None:
    """Measure twice: in the first poll run everything is new, in the second everything is known."""
    new, known = whole_list(), whole_list()
    assert new["new_rows"] and not known["new_rows"]
    Path(file).write_text(json.dumps({"new": new, "known": known}))


if __name__ == "__main__":
    main(*sys.argv[1:])
