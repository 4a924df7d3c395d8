"""The processes of a chaos run use its short times; otherwise it would end before any retry."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import settings as fast
from tests.chaos.site import ChaosSite
from tests.chaos.times import MINUTE
from tests.processes import wait_for

NAMES = ("LEASE_SECONDS", "NUDGE_SECONDS", "RETRY_BASE_SECONDS", "CONFIRM_EVERY_SECONDS")
THREADS = 4
MAILS = 12
SLACK = 3
SETTINGS = """
import json
from django.conf import settings
print(json.dumps({{name: getattr(settings, name) for name in {names!r}}}))
"""
QUEUE = """
from background.mail import queue_mail
for n in range({count}):
    queue_mail(recipient="clinician@example.test", subject=f"Mail {{n}}", body="text")
"""
# For each row, read together: the seconds until its lease, its nudge and its wait end.
READ_ROWS = """
import json
from django.utils import timezone
from background.models import OutgoingMail
now, ends = timezone.now(), ("lease_until", "nudged_until", "not_before")
print(json.dumps([
    {name: (getattr(row, name) - now).total_seconds() if getattr(row, name) else None for name in ends}
    | {
        "tried": (now - row.first_tried_at).total_seconds() if row.first_tried_at else 0,
        "failed": bool(row.failure_detail),
    }
    for row in OutgoingMail.objects.all()
]))
"""


class SilentMail:
    """A mail server that accepts connections and never answers, until it closes all of them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._connections.append(self._listener.accept()[0])

    def hang_up(self) -> None:
        """Refuse new connections and close the others."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._connections:
            each.close()


@pytest.fixture
def mail() -> Iterator[SilentMail]:
    server = SilentMail()
    yield server
    with suppress(OSError):
        server.hang_up()


@pytest.fixture
def site(tmp_path: Path, mail: SilentMail) -> Iterator[ChaosSite]:
    site = ChaosSite(folder=tmp_path)
    site.environment["EMAIL_URL"] = mail.url
    try:
        site.start()
        yield site
    finally:
        site.stop()


def _read_rows(site: ChaosSite) -> list[dict[str, Any]]:
    return list(json.loads(site.run("shell", "-v", "0", "-c", READ_ROWS)))


def _seconds(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [row[name] for row in rows if row[name] is not None and row[name] > 0]


@pytest.mark.e2e
def test_a_worker_under_attack_leases_nudges_and_retries_on_the_fast_clock(
    site: ChaosSite, mail: SilentMail
) -> None:
    named = site.run("shell", "-v", "0", "-c", SETTINGS.format(names=NAMES))
    assert json.loads(named) == {name: getattr(fast, name) for name in NAMES}
    site.run("shell", "-v", "0", "-c", QUEUE.format(count=MAILS))

    def all_busy() -> list[dict[str, Any]]:
        rows = _read_rows(site)
        waiting = len(_seconds(rows, "nudged_until"))
        return rows if len(_seconds(rows, "lease_until")) == THREADS and waiting else []

    rows = wait_for(all_busy, what="A mail in each thread, and others behind them")
    assert max(_seconds(rows, "lease_until")) < MINUTE + SLACK
    assert max(_seconds(rows, "nudged_until")) < MINUTE + SLACK

    mail.hang_up()

    def all_failed() -> list[dict[str, Any]]:
        rows = _read_rows(site)
        return rows if all(row["failed"] for row in rows) else []

    rows = wait_for(all_failed, what="A first failure of every mail")
    assert len(rows) == MAILS
    # A mail is tried again after a second, or after as long as it has been tried. With the product's times,
    # those that failed at once would wait for five to ten seconds.
    late = [row for row in rows if row["not_before"] > max(fast.RETRY_BASE_SECONDS, row["tried"]) + SLACK]
    assert not late
