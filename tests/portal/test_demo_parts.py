"""The parts of `manage.py demo`: its state, its ports, its processes."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from portal.demo.children import Child
from portal.demo.parent import CHECKS, Parent
from portal.demo.ports import PortProblem, Ports
from portal.demo.state import DemoFile
from portal.demo.supervisor import DemoProblem, Supervisor, child_environment, only_one
from tests.processes import ROOT, wait_for

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("up", os.getpid(), flush=True)
time.sleep(600)
"""


def _child(tmp_path: Path, code: str) -> Child:
    return Child(
        name="worker",
        arguments=["-c", code],
        environment={"PATH": os.environ["PATH"]},
        folder=tmp_path,
        log=tmp_path / "log" / "worker.log",
    )


def _group(pid: int) -> list[int]:
    """Return the living processes of this process group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def test_secrets_and_passwords_are_created_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    first = DemoFile.open(tmp_path / "var" / "demo.json")
    first.set_done("prior")
    second = DemoFile.open(first.path)
    assert second.data == first.data
    assert second.is_done("prior")
    assert not second.is_done("report")
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert len(set(first.data["passwords"].values())) == 3


@pytest.mark.parametrize("value", ["0", "65536", "eight", "-1", "80 80"])
def test_an_invalid_port_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SANDBOX_PORT", value)
    with pytest.raises(PortProblem, match="SANDBOX_PORT must be a number"):
        Ports.from_environment()


def test_the_media_port_follows_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_MEDIA_PORT", raising=False)
    monkeypatch.setenv("SANDBOX_PORT", "9101")
    assert Ports.from_environment().media == 9102


@pytest.mark.parametrize(("named", "port"), [({}, 9107), ({"PORT": "9207"}, 9207)])
def test_other_commands_use_the_ports_that_the_demo_was_started_with(
    tmp_path: Path, named: dict[str, str], port: int
) -> None:
    demo = DemoFile.open(tmp_path / "demo.json")
    demo.data["ports"] = {"PORT": 9107, "SANDBOX_PORT": 9108, "SANDBOX_MEDIA_PORT": 9109}
    demo.save()
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "run", "diffsettings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEMO_DIR": str(tmp_path), **named},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"PUBLIC_URL = 'http://127.0.0.1:{port}'" in done.stdout
    assert "DEMO_SANDBOX_URL = 'http://127.0.0.1:9108'" in done.stdout


def test_a_taken_port_is_named_together_with_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortProblem, match=f"Port {port} is taken.*SANDBOX_MEDIA_PORT="):
            Ports(portal=1, sandbox=2, media=port).check()


def test_one_port_for_two_servers_is_refused() -> None:
    with pytest.raises(PortProblem, match="must differ"):
        Ports(portal=8000, sandbox=8000, media=8001).check()


def test_a_second_demo_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "demo.lock"),
        pytest.raises(DemoProblem, match="already running"),
        only_one(tmp_path / "demo.lock"),
    ):
        pass
    with only_one(tmp_path / "demo.lock"):
        pass


def test_a_process_that_dies_is_named_with_the_end_of_its_log_and_started_again(tmp_path: Path) -> None:
    child = _child(tmp_path, "print('the last words'); raise SystemExit(3)")
    child.start()
    message = wait_for(child.watch, what="The death", seconds=20)
    assert "The worker exited with code 3" in message
    assert "| the last words" in message
    assert "restarts in 1 s" in message
    again = wait_for(child.watch, what="The second death", seconds=20)
    assert "restarts in 2 s" in again
    assert child.log.read_text().count("the last words") == 2


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    child = _child(tmp_path, STUBBORN)
    child.start()
    text = wait_for(lambda: child.log.read_text(), what="The start", seconds=20)
    group = int(text.split()[1])
    assert len(_group(group)) == 2
    child.ask_to_end()
    child.end(until=time.monotonic() + 0.3)
    wait_for(lambda: not _group(group), what="The end of the group", seconds=5)


def test_a_process_that_dies_while_starting_ends_the_wait_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(folder=tmp_path, logs=tmp_path / "log", say=print)
    supervisor.start(
        name="portal", arguments=["-c", "raise SystemExit('no such table')"], environment=child_environment()
    )
    try:
        with pytest.raises(DemoProblem, match=r"The portal exited with code 1[\s\S]*no such table"):
            supervisor.wait_for(lambda: False, what="Starting", seconds=20)
    finally:
        supervisor.stop()


def test_the_sandbox_is_given_none_of_the_portals_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "of the portal alone")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "portal.settings")
    environment = child_environment(is_sandbox=True, SANDBOX_PORT="8001")
    assert environment["SANDBOX_PORT"] == "8001"
    assert not {"SECRET_KEY", "DJANGO_SETTINGS_MODULE", "FIELD_ENCRYPTION_KEYS"} & set(environment)
    assert child_environment()["SECRET_KEY"] == "of the portal alone"


CHILD_OF_MAKE = """
import sys, time
sys.path.insert(0, {root!r})
from portal.demo.parent import Parent
parent = Parent()
print("waiting", flush=True)
until = time.monotonic() + 20
while not parent.has_left() and time.monotonic() < until:
    time.sleep(0.05)
print("left" if time.monotonic() < until else "late", flush=True)
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_demo_ends_with_the_make_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    script, log = tmp_path / "child.py", tmp_path / "log"
    script.write_text(CHILD_OF_MAKE.format(root=str(ROOT)))
    (tmp_path / "Makefile").write_text(f"demo:\n\t@exec {sys.executable} {script}\n")
    with log.open("w") as output:
        make = subprocess.Popen(
            ["make", "demo"],
            cwd=tmp_path,
            stdout=output,
            start_new_session=True,
            # A test run in the background ignores interrupts, and make would inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
    wait_for(lambda: "waiting" in log.read_text(), what="The start", seconds=20)
    # Only make, not its group: an interrupt from a terminal reaches every process anyway.
    make.send_signal(number)
    make.wait(timeout=20)
    wait_for(lambda: "left" in log.read_text(), what="The end", seconds=10)


def test_a_demo_without_make_watches_no_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    assert not any(Parent().has_left() for _ in range(CHECKS + 1))
