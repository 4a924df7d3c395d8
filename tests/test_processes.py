"""Processes that a test starts end with the test run, even if it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, wait_for

# A run that starts a process, which starts another one and suspends it.
RUN = """
import sys, time
from pathlib import Path
from tests.processes import Process
process = Process("-c", sys.argv[2], log=Path(sys.argv[1]), environment={})
process.wait_for_line("child")
print(process.pid, flush=True)
time.sleep(600)
"""
STARTED = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
os.kill(child.pid, signal.SIGSTOP)
print("child", child.pid, flush=True)
time.sleep(600)
"""


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.fixture
def run(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "log"), STARTED],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_killed_run_leaves_no_process_behind(run: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert run.stdout is not None
    pids = [int(run.stdout.readline()), int((tmp_path / "log").read_text().split()[1])]
    assert all(_lives(pid) for pid in pids)
    run.send_signal(signal.SIGKILL)
    try:
        wait_for(lambda: not any(_lives(pid) for pid in pids), what="The end of what the run had started")
    finally:
        for pid in pids:
            if _lives(pid):
                os.kill(pid, signal.SIGKILL)
