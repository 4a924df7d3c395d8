"""The portal's background on a clock that runs some ten times faster: its waiting times are short.

`python -m tests.chaos.quick manage.py worker` or `… celery -A portal beat`: the same programs otherwise.
"""

import os
import sys
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from celery.__main__ import main as celery  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402

from background import backoff, dispatcher, leases  # noqa: E402
from exams.services import hints, verdicts  # noqa: E402
from tests.chaos.times import MINUTE  # noqa: E402


def shorten_waiting() -> None:
    """Make leases, nudges and pauses short; a dead worker's rows are free again after six seconds."""
    defaults = leases.acquire.__kwdefaults__
    assert defaults is not None
    defaults["seconds"] = MINUTE
    dispatcher.NUDGE_SECONDS = int(MINUTE)
    verdicts.BASE = backoff.BASE = timedelta(seconds=1)
    backoff_defaults = backoff.next_attempt.__kwdefaults__
    assert backoff_defaults is not None
    backoff_defaults["base"] = timedelta(seconds=1)
    hints.ASK_EVERY = timedelta(seconds=2)


if __name__ == "__main__":
    shorten_waiting()
    program, *arguments = sys.argv[1:]
    sys.argv = [program, *arguments]
    if program == "celery":
        celery()
    else:
        execute_from_command_line(sys.argv)
