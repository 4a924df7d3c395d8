"""Fetch links as the worker does, in the portal's environment: `python -m bench.fetching LINKS RESULT`."""

import json
import sys
from pathlib import Path
from typing import Any

import django

django.setup()

from background.lifecycle import freeze_loaded_objects  # noqa: E402
from bench.measuring import Held, Usage  # noqa: E402
from exams.services.media.download import fetch_captures  # noqa: E402


def main(plan: str, result: str) -> None:
    """Fetch everything; raises the first error."""
    links = dict(enumerate(json.loads(Path(plan).read_text())))
    hold: Any = Held()
    freeze_loaded_objects()
    with Usage() as usage:
        for outcome in fetch_captures(links=links, stored_bytes=0, hold=hold):
            if outcome.error is not None:
                raise outcome.error
    Path(result).write_text(json.dumps(usage.facts()))


if __name__ == "__main__":
    main(*sys.argv[1:])
