"""Sync the confirmed customers twice inside the portal: `python -m bench.syncing_customers RESULT`."""

import json
import sys
from pathlib import Path

import django

django.setup()

from bench.measuring import Usage  # noqa: E402
from integrations.models import Service, Sync  # noqa: E402
from integrations.services.sync import read_now  # noqa: E402


def sync_now() -> dict[str, float]:
    """Sync the whole list and return the resources used."""
    with Usage() as usage:
        sync = read_now(service=Service.objects.get(), kind=Sync.Kind.CUSTOMERS)
    assert sync is not None and not sync.problem
    return usage.facts()


def main(file: str) -> None:
    """Measure twice: the first time every customer is new, then all are known."""
    Path(file).write_text(json.dumps({"all new": sync_now(), "all known": sync_now()}))


if __name__ == "__main__":
    main(sys.argv[1])
