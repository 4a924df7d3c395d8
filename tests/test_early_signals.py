"""A process that is asked to end while it still starts does so, and leaves no other process."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.migrated import migrated_copy
from tests.processes import Process, free_ports, processes_with, wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]
SIGNALS = (signal.SIGTERM, signal.SIGINT)
Start = Callable[[str], Process]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the data, which every process of the test has in its environment."""
    return tmp_path / "var"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start one of the servers as its users do, on an empty folder."""
    port, sandbox, media = map(str, free_ports(3))
    ports = {"PORT": port, "SANDBOX_PORT": sandbox, "SANDBOX_MEDIA_PORT": media}
    folders = {"VAR_DIR": str(folder), "SANDBOX_DIR": str(folder / "sandbox")}
    started = []

    def begin(command: str) -> Process:
        options = ("--port", port) if command == "serve" else ()
        log = folder.parent / f"{command}.log"
        process = Process("manage.py", command, *options, log=log, environment=ports | folders)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
    for pid in processes_with(str(folder)):
        os.kill(pid, signal.SIGKILL)


def _ends(process: Process, folder: Path, number: signal.Signals) -> None:
    process.send(number)
    code = process.wait(seconds=60)
    # Ended by the signal, with the code that shells give for it, or in an orderly way.
    assert code in {-number, 128 + number, 0}, process.output
    assert "Traceback" not in process.output
    wait_for(lambda: not processes_with(str(folder)), what="The end of every process", seconds=30)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["serve", "worker", "sandbox", "demo"])
def test_it_ends_while_it_reads_its_settings(
    start: Start, folder: Path, command: str, number: signal.Signals
) -> None:
    process = start(command)
    # The folder is the first thing that each of them makes.
    wait_for(folder.exists, what="The folder", every=0.01)
    _ends(process, folder, number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_web_server_ends_while_it_collects_static_files(
    start: Start, folder: Path, number: signal.Signals
) -> None:
    process = start("serve")
    wait_for((folder / "static").exists, what="The first static file", every=0.01)
    _ends(process, folder, number)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("line", ["Listening at", "Spawning worker-1", "Spawning worker-2", "Started"])
def test_the_web_server_ends_while_its_workers_start(
    start: Start, folder: Path, line: str, number: signal.Signals
) -> None:
    process = start("serve")
    wait_for(lambda: line in process.output, what=line, every=0.01)
    _ends(process, folder, number)
    assert "Killing worker" not in process.output


@pytest.mark.parametrize("number", SIGNALS)
def test_the_worker_ends_while_it_waits_for_its_broker(
    start: Start, folder: Path, number: signal.Signals
) -> None:
    folder.mkdir()
    with migrated_copy(folder):
        process = start("worker")
        wait_for((folder / "portal.sqlite3-wal").exists, what="The first statement", every=0.01)
        _ends(process, folder, number)


def test_a_worker_without_tables_says_what_to_run(start: Start, folder: Path) -> None:
    process = start("worker")
    assert process.wait(seconds=60) == 1
    assert "Migrations are missing. Run: manage.py migrate" in process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", ["sandbox", "portal", "worker"])
def test_the_demo_ends_while_its_processes_start(
    start: Start, folder: Path, name: str, number: signal.Signals
) -> None:
    process = start("demo")
    wait_for(
        (folder / "log" / f"{name}.log").exists, what=f"The start of the {name}", seconds=200, every=0.01
    )
    _ends(process, folder, number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_sandbox_ends_while_it_renders_its_exams(
    start: Start, folder: Path, number: signal.Signals
) -> None:
    process = start("sandbox")
    wait_for((folder / "sandbox" / "exams").exists, what="The first exam", every=0.01)
    _ends(process, folder, number)
