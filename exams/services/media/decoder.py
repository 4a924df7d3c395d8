"""Decode stored files in a separate process with limits and without the portal's secrets."""

import json
import os
import signal
import subprocess
import sys
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.conf import settings

import exams
from exams.decoding import FACTS_FILE, Problem

# Where the file itself says what is wrong with it; the rest is damaged, or not what it seems.
SENTENCES: dict[int, str] = {
    Problem.TOO_MANY_PIXELS: "No preview: the picture has too many pixels. Download the original.",
    Problem.ENCRYPTED: "The document is protected with a password, so its pages cannot be shown here.",
    Problem.NO_PAGES: "The document has no pages.",
}
_ROOT = Path(exams.__file__).resolve().parent.parent


class CannotDecode(Exception):
    """The file cannot be shown; the message says why and is for the reader."""

    def __init__(self, message: str, *, problem: int | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class DecoderLost(Exception):
    """The decoding process ended; the file may be fine."""


def decode_file(*, source: Path, folder: Path, otherwise: str) -> dict[str, Any]:
    """Decode a single file as `Decoder.decode` does, in a process of its own."""
    with Decoder() as decoder:
        return decoder.decode(source=source, folder=folder, otherwise=otherwise)


class Decoder:
    """A process that decodes one file after the other, because starting Python takes longer than most files.

    It starts with the first file, and again after a file that took too long.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def decode(self, *, source: Path, folder: Path, otherwise: str) -> dict[str, Any]:
        """Write renditions of `source` into `folder` and return its facts.

        Raises DecoderLost, and CannotDecode with the message `otherwise` if the file itself is at fault.
        """
        if not source.is_file():
            raise CannotDecode("No preview: the file is missing.")
        try:
            code = self._decode_with_process(source, folder)
        except (CannotDecode, DecoderLost):
            self._end()
            raise
        if code:
            raise CannotDecode(SENTENCES.get(code, otherwise), problem=code)
        try:
            facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_bytes())
        except (OSError, ValueError):
            raise CannotDecode(otherwise) from None
        return facts

    def _decode_with_process(self, source: Path, folder: Path) -> int:
        if self._process is None:
            self._process = _start()
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None  # noqa: S101
        try:
            questions.write(json.dumps([str(source), str(folder)]).encode() + b"\n")
            if not wait([answers.fileno()], timeout=settings.DECODING_SECONDS):
                raise CannotDecode("No preview: decoding took too long.", problem=Problem.TOO_SLOW)
            return int(answers.read(16))
        except (BrokenPipeError, ValueError):
            raise DecoderLost from None

    def _end(self) -> None:
        """End the process together with the fork that may be decoding."""
        if self._process is not None:
            process, self._process = self._process, None
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "exams.decoding"],
        cwd=_ROOT,
        # The process that opens untrusted files gets no secrets and no addresses of the portal.
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Unbuffered, so that a read returns what has arrived and never waits for more.
        bufsize=0,
        # In its own process group, so that its forks are ended with it.
        start_new_session=True,
    )
