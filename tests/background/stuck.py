"""The embedded worker as a process with a job that keeps the interpreter's lock for an hour."""

import ctypes
import os
from datetime import timedelta

os.environ["TEST_STUCK_SECONDS"] = "8"

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from background.leases import Hold  # noqa: E402
from background.runner import Done, Job, Outcome, register  # noqa: E402
from portal.management.commands.worker import Command  # noqa: E402
from tests.background.rows import Work  # noqa: E402


def get_stuck(row: Work, hold: Hold) -> Outcome:
    """Sleep in C code that lets no other thread run."""
    ctypes.PyDLL(None).sleep(3600)
    return Done({"state": "done"})


register(Job(name="tests.get_stuck", model=Work, work=get_stuck, deadline=timedelta(minutes=1)))
call_command(Command())
