"""A separate worker that is killed in the middle of a job."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from tests.processes import Process, wait_for


@contextmanager
def worker(job: str, pk: int, media_root: Path, *dies_at: str) -> Iterator[Process]:
    """Run one job in a process that is killed at the end if it still runs."""
    database = {name: str(connection.settings_dict[name]) for name in ("NAME", "USER", "HOST", "PORT")}
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE": json.dumps(database),
        "MEDIA_ROOT": str(media_root),
    }
    log = Path(media_root).parent / "worker.log"
    process = Process("-m", "tests.exams.worker", job, str(pk), *dies_at, log=log, environment=environment)
    try:
        yield process
    finally:
        process.kill()


def wait_until(condition: Callable[[], Any], process: Process) -> None:
    """Wait until a worker has reached a point; raises AssertionError if it ends before."""

    def has_come() -> bool:
        found = bool(condition())
        assert found or process.exit_code is None, f"The worker ended: {process.output[-3000:]}"
        return found

    wait_for(has_come, what="What the worker does", every=0.05)
