"""`manage.py demo` as a new user meets it: one command, ready lines, three accounts, and a clean end."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.cloud import Cloud
from tests.e2e.chromium import NEEDS_CHROMIUM, chromium, follow
from tests.e2e.person import Person
from tests.processes import ROOT, Process, free_ports, processes_with, wait_for
from tests.rendered import rendered_exams

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


class Demo:
    """A demo with its data in `folder`; every start is a new process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port, sandbox, media = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self.cloud = Cloud(url=f"http://127.0.0.1:{sandbox}", media_url=f"http://127.0.0.1:{media}")
        self.environment = {
            "DEMO_DIR": str(folder),
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox),
            "SANDBOX_MEDIA_PORT": str(media),
            "PATH": os.environ["PATH"],
        }
        self.started: list[Process] = []

    def start(self, **other: str) -> Process:
        """Start the command without waiting."""
        log = self.folder.parent / f"demo-{len(self.started)}.log"
        process = Process("manage.py", "demo", log=log, environment=self.environment | other)
        self.started.append(process)
        return process

    def until_ready(self) -> Process:
        """Start the command and wait for the last of its ready lines."""
        process = self.start()
        process.wait_for_line("administrator administrator@example.test", seconds=240)
        return process

    def send_exam(self, identifier: str) -> None:
        """Submit one more exam of the linked customer."""
        customers = self.cloud.call("GET", "customers/")
        token = next(row["token"] for row in customers if row["name"] == "Dr. Ada Osei")
        self.cloud.submit(customer=token, patient={"identifier": identifier})

    def processes(self) -> list[int]:
        """Return every living process that has this demo's folder in its environment."""
        return processes_with(str(self.folder))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "var")
    yield demo
    for process in demo.started:
        process.stop()
    for pid in demo.processes():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def running(demo: Demo) -> Process:
    with rendered_exams(demo.folder / "sandbox"):
        return demo.until_ready()


def _passwords(output: str) -> dict[str, str]:
    lines = re.findall(r"^(\w+) (\w+)@example\.test (\S+)$", output, re.MULTILINE)
    return {role: password for role, name, password in lines if role == name}


def _reviewer(demo: Demo, running: Process) -> Person:
    password = _passwords(running.output)["reviewer"]
    person = Person(demo.url, email="reviewer@example.test", password=password)
    person.log_in()
    return person


def test_the_ready_lines_come_in_order(demo: Demo, running: Process) -> None:
    lines = running.output.splitlines()
    begin = lines.index(f"Portal ready at {demo.url}")
    assert lines[begin + 1] == f"Sandbox ready at {demo.cloud.url}"
    assert [line.split()[0] for line in lines[begin + 2 : begin + 5]] == [
        "clinician",
        "reviewer",
        "administrator",
    ]
    assert requests.get(demo.url, timeout=10).status_code == 200
    assert requests.get(demo.cloud.url, timeout=10).status_code == 200


def test_the_reviewer_sees_the_exams_of_the_story(demo: Demo, running: Process) -> None:
    person = _reviewer(demo, running)
    page = person.visit("/worklist/")
    for name in ("王伟", "Biscuit", "Carver", "Amari"):
        assert name in page.text
    assert "Petit" not in page.text, "A held submission is not shown."
    assert len(demo.cloud.reports()) == 1


def test_an_exam_sent_now_appears(demo: Demo, running: Process) -> None:
    person = _reviewer(demo, running)
    demo.send_exam("LIVE-1")
    person.wait_until("/worklist/", "LIVE-1")


@NEEDS_CHROMIUM
@pytest.mark.browser
def test_the_buttons_of_the_home_page_send_exams_in_a_browser(demo: Demo, running: Process) -> None:
    before = len(demo.cloud.submissions())
    with chromium() as browser:
        page = browser.new_page()
        page.goto(demo.url)
        for number, name in enumerate(("Send an exam", "Send without notification"), start=1):
            follow(page, page.get_by_role("button", name=name))
            expect(page.get_by_role("heading", name="Try it")).to_be_visible()
            assert page.url.startswith(demo.url)
            assert len(demo.cloud.submissions()) == before + number


def test_another_command_finds_the_running_demo_without_its_ports(demo: Demo, running: Process) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "run", "doctor", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEMO_DIR": str(demo.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    findings = {each["code"]: each for each in json.loads(done.stdout)["findings"]}
    assert findings["webhook"]["sentence"] == "The webhook answers at PUBLIC_URL."
    assert findings["api-key"]["level"] == findings["settings-differ"]["level"] == "ok"


def test_a_second_demo_and_a_taken_port_have_different_messages(demo: Demo, running: Process) -> None:
    second = demo.start()
    assert second.wait(seconds=60) == 1
    assert "already running" in second.output
    elsewhere = demo.start(DEMO_DIR=f"{demo.folder}-other")
    assert elsewhere.wait(seconds=60) == 1
    port = demo.environment["PORT"]
    assert f"Port {port} is taken" in elsewhere.output
    assert "PORT=" in elsewhere.output
    assert "Traceback" not in second.output + elsewhere.output


def test_a_process_that_dies_is_reported_and_restarted(demo: Demo, running: Process) -> None:
    (pid,) = [
        pid
        for pid in demo.processes()
        if b"\0portal\0worker\0" in b"\0" + Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(pid, signal.SIGKILL)
    running.wait_for_line("The worker exited with code -9", seconds=30)
    assert "worker.log" in running.output
    demo.send_exam("LIVE-2")
    _reviewer(demo, running).wait_until("/worklist/", "LIVE-2", seconds=90)


def test_ctrl_c_leaves_no_process_and_the_next_start_keeps_the_data(demo: Demo, running: Process) -> None:
    before = len(demo.cloud.submissions())
    running.send(signal.SIGINT)
    assert running.wait(seconds=40) == 0
    assert wait_for(lambda: not demo.processes(), what="The end of every process", seconds=5)
    again = demo.until_ready()
    assert _passwords(again.output) == _passwords(running.output)
    assert len(_passwords(again.output)) == 3
    assert len(demo.cloud.submissions()) == before
    again.send(signal.SIGTERM)
    assert again.wait(seconds=40) == 0
    assert wait_for(lambda: not demo.processes(), what="The end of every process", seconds=5)
