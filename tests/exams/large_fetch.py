"""Fetch one file in a separate process and print how much its memory grew."""

import json
import resource
import sys
from types import SimpleNamespace
from typing import Any

import django

django.setup()

from exams.services.media.download import fetch_captures  # noqa: E402

hold: Any = SimpleNamespace(check=lambda: None, seconds_left=600.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(outcome,) = fetch_captures(links={1: sys.argv[1]}, stored_bytes=0, hold=hold)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
if outcome.file is None:
    sys.exit(f"{outcome.error!r}")
print(json.dumps({"sha256": outcome.file.sha256, "size": outcome.file.size, "grown_kb": grown}))
