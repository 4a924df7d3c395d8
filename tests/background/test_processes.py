"""The worker as a process: started, stopped, paused."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Q

from background.leases import acquire
from background.mail import queue_mail
from background.models import Heartbeat, OutgoingMail
from tests.background.rows import Work
from tests.background.service import complete, due
from tests.processes import Guard, wait_for

ROOT = Path(__file__).parents[2]
KEYS = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rows")]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python in a process of its own, on this test's database."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.background.alone",
        "TEST_DATABASE": json.dumps({key: connection.settings_dict[key] for key in KEYS}, default=str),
        "TEST_MAIL": str(tmp_path / "mail"),
        "PYTHONPATH": str(ROOT),
    }
    started: list[tuple[subprocess.Popen[str], Guard]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        started.append((process, Guard.of_group(process.pid)))
        return process

    yield run
    for process, guard in started:
        process.kill()
        process.communicate()
        guard.release()


def _is_alone() -> bool:
    """Return whether the server has noticed the end of other processes: until then it may commit for them."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
        )
        return bool(cursor.fetchone()[0])


def _all_sent() -> bool:
    return not OutgoingMail.objects.exclude(state=OutgoingMail.State.SENT).exists()


def test_one_process_is_worker_and_beat_and_stops_on_request(start: Start, tmp_path: Path) -> None:
    for number in range(60):
        queue_mail(recipient="clinician@example.test", subject=f"Mail {number}", body="it is quicksilver")
    worker = start("-m", "tests.background.embedded")
    wait_for(_all_sent)
    wait_for(lambda: Heartbeat.objects.count() == len(Heartbeat.Name))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    subjects = [
        line
        for file in (tmp_path / "mail").iterdir()
        for line in file.read_text().splitlines()
        if line.startswith("Subject: ")
    ]
    assert sorted(subjects) == sorted(f"Subject: Mail {number}" for number in range(60))
    log = (tmp_path / "log").read_text()
    assert "background.send_mail" in log
    assert "clinician@example.test" not in log
    assert "quicksilver" not in log


def test_a_worker_killed_with_its_queue_leaves_nothing_behind_for_the_next(start: Start) -> None:
    for number in range(120):
        queue_mail(recipient="clinician@example.test", subject=f"Mail {number}", body="text")
    first = start("-m", "tests.background.embedded")
    wait_for(lambda: OutgoingMail.objects.filter(state=OutgoingMail.State.SENT).count() > 10)
    first.kill()
    first.wait(timeout=10)
    wait_for(_is_alone)
    # A row that was being worked on stays leased for up to a minute; all others must not wait at all.
    leased = OutgoingMail.objects.filter(lease_until__isnull=False)
    leased.update(lease_until=None)
    start("-m", "tests.background.embedded")
    wait_for(_all_sent)


def test_limited_jobs_leave_threads_to_what_people_wait_for(start: Start, tmp_path: Path) -> None:
    rows = [due() for _ in range(40)]
    start("-m", "tests.background.limited")
    # Every row has been announced, some of them are leased, before there is any mail to send.
    announced = Q(nudged_until__isnull=False) | Q(lease_until__isnull=False)
    wait_for(lambda: Work.objects.filter(announced).count() == len(rows))
    for number in range(4):
        queue_mail(recipient="clinician@example.test", subject=f"Mail {number}", body="text")
    wait_for(_all_sent)
    assert not Work.objects.filter(state="done").exists()
    (tmp_path / "let-go").touch()
    wait_for(lambda: not Work.objects.exclude(state="done").exists())
    assert set(Work.objects.values_list("effect_count", flat=True)) == {1}


def test_a_paused_worker_that_wakes_after_its_lease_writes_nothing(start: Start) -> None:
    row = due()
    sleeper = start("-m", "tests.background.holder", str(row.pk))
    assert sleeper.stdout is not None
    assert sleeper.stdout.readline() == "leased\n"
    sleeper.send_signal(signal.SIGSTOP)
    lease = wait_for(lambda: acquire(model=Work, pk=row.pk))
    complete(lease)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.stdout.read() == "lost\nfenced\n"
    row.refresh_from_db()
    assert row.effect_count == 1


def test_a_worker_whose_interpreter_is_stuck_is_ended(start: Start, tmp_path: Path) -> None:
    due()
    worker = start("-m", "tests.background.stuck")
    assert worker.wait(timeout=90) == -signal.SIGKILL
    log = (tmp_path / "log").read_text()
    assert f"Process {worker.pid} was stuck for 8 s and is ended." in log
    assert "in get_stuck" in log


def test_a_worker_that_stops_takes_its_listener_along(start: Start, tmp_path: Path) -> None:
    worker = start("-m", "tests.background.stuck")
    listeners = wait_for(lambda: _children(worker.pid), what="The listener")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in listeners), what="Its end")


def _children(pid: int) -> list[str]:
    return [
        stat.parent.name
        for stat in Path("/proc").glob("[0-9]*/stat")
        if _read(stat).rpartition(")")[2].split()[1:2] == [str(pid)]
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        # It has ended meanwhile.
        return ""
