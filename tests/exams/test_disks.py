"""Real disks that are full or read-only, and files far larger than a worker's memory."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exams.services.intake.notifications import store_notification
from tests.cloud import CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import new_token

Submit = Callable[..., CloudSubmission]
ROOT = Path(__file__).resolve().parents[2]
LARGE_MB = 1024


class Disk:
    """A disk in memory, which can be made larger or read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path, settings: Any) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    made = Disk(path)
    if not made.mount("size=64k"):
        pytest.skip("needs the right to mount a small disk")
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = path, 0
    yield made
    subprocess.run(["umount", str(path)], check=True)


def waits_unharmed(portal: Portal, sent: CloudSubmission, disk: Disk) -> bool:
    """Check that the submission waits without a counted attempt and has left no partial file."""
    row = portal.row(sent)
    assert (row.state, row.attempt_count) == ("fetching", 0)
    assert row.not_before is not None
    assert row.failure_reason in ("no_room", "not_writable")
    assert list((disk.path / "tmp").glob("*")) == []
    return True


def arrives_whole(portal: Portal, sent: CloudSubmission) -> bool:
    portal.make_due()
    portal.work()
    row = portal.row(sent)
    assert row.state == "ready"
    return [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]


def test_a_full_disk_pauses_only_fetching(portal: Portal, submit: Submit, disk: Disk) -> None:
    sent = submit()
    assert sum(each.size for each in sent.captures) > 64 * 1024
    portal.receive(sent)
    assert waits_unharmed(portal, sent, disk)
    # Notifications are stored meanwhile.
    store_notification(
        service_id=portal.service.pk, request_uuid=portal.row(sent).uuid, customer_id=new_token()
    )
    assert disk.mount("remount,size=64m")
    assert arrives_whole(portal, sent)


def test_storage_that_cannot_be_written_pauses_only_fetching(
    portal: Portal, submit: Submit, disk: Disk
) -> None:
    (disk.path / "tmp").mkdir()
    assert disk.mount("remount,ro,size=64m")
    sent = submit()
    portal.receive(sent)
    assert waits_unharmed(portal, sent, disk)
    assert disk.mount("remount,rw,size=64m")
    assert arrives_whole(portal, sent)


class _Large(http.server.BaseHTTPRequestHandler):
    """A server that generates a file while sending it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(LARGE_MB << 20))
        self.end_headers()
        piece = bytes(1 << 20)
        for number in range(LARGE_MB):
            self.wfile.write(b"\x89PNG\r\n\x1a\n" + piece[8:] if number == 0 else piece)

    def log_message(self, *args: Any) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def large_url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Large)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/large.png"
    server.shutdown()
    server.server_close()


def test_a_capture_of_a_gigabyte_does_not_need_a_gigabyte_of_memory(large_url: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "MEDIA_ROOT": str(tmp_path),
        "CAPTURE_MAX_MB": str(LARGE_MB),
        "SUBMISSION_MAX_MB": str(LARGE_MB),
        "MIN_FREE_MB": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.exams.large_fetch", large_url],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    (stored,) = (tmp_path / "files").glob("*/*")
    assert stored.name == result["sha256"]
    assert stored.stat().st_size == result["size"] == LARGE_MB << 20
    stored.unlink()
    assert result["grown_kb"] < 64 << 10
