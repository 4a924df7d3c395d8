"""Run management commands without starting Python and Django for each: a prepared process forks.

`python -m tests.e2e.commands` reads a JSON object with `arguments` and `variables` from each line of its
input, and answers with a line that has `code`, `output` and `errors`. A child lives like a process of
`manage.py`.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import django
from django.urls import get_resolver

from portal.__main__ import main
from tests.processes import ROOT

SECONDS = 120


@dataclass(frozen=True)
class Done:
    """What a command has printed, and its exit code."""

    code: int
    output: str
    errors: str


class Commands:
    """The prepared process of one site; it ends with the tests, since its input does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.commands"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> Done:
        """Run one command, with these variables added to the environment."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "variables": variables}) + "\n")
        self._process.stdin.flush()
        return Done(**json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=SECONDS)


def _fork(arguments: list[str], variables: Mapping[str, str], output: IO[Any], errors: IO[Any]) -> int:
    """Run a command in a child and return its exit code; a signal's number is negative."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        opened = (os.open(os.devnull, os.O_RDONLY), output.fileno(), errors.fileno())
        for descriptor, each in enumerate(opened):
            os.dup2(each, descriptor)
        os.environ.update(variables)
        signal.alarm(SECONDS)
        sys.argv = ["manage.py", *arguments]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    # Importing every page takes as long as all before it.
    assert get_resolver().url_patterns
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            code = _fork(**json.loads(line), output=output, errors=errors)
            printed = [file.seek(0) or file.read() for file in (output, errors)]
        print(json.dumps({"code": code, "output": printed[0], "errors": printed[1]}), flush=True)


if __name__ == "__main__":
    _serve()
