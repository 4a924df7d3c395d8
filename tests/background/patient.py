"""The embedded worker as a process that has patient work, each row of which goes on until a file is there."""

import os
import time
from pathlib import Path

import django

django.setup()

from celery import shared_task  # noqa: E402
from django.core.management import call_command  # noqa: E402

from background.jobs import register  # noqa: E402
from background.lanes import patiently  # noqa: E402
from portal.management.commands.worker import Command  # noqa: E402
from tests.background.rows import Work  # noqa: E402
from tests.background.service import work_on  # noqa: E402

LET_GO = Path(os.environ["TEST_MAIL"]).parent / "let-go"


@shared_task(name="tests.work_patiently", ignore_result=True)
@patiently
def work_patiently(pk: int) -> None:
    """Wait, then work on the row."""
    while not LET_GO.exists():
        time.sleep(0.05)
    work_on(pk)


register(name="patient work", model=Work, task="tests.work_patiently")
call_command(Command())
