"""Open stored files in a process of its own, with limits and without anything of the portal's."""

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
from exams.decoding import FACTS_FILE

_ROOT = Path(exams.__file__).resolve().parent.parent


class CannotDecode(Exception):
    """The file gave nothing; the message says why, in words for a reader."""


class DecoderLost(Exception):
    """The decoding process is gone, which says nothing about the file."""


def decode_file(*, source: Path, folder: Path, otherwise: str) -> dict[str, Any]:
    """Decode a single file as `Decoder.decode` does, in a process for it alone."""
    with Decoder() as decoder:
        return decoder.decode(source=source, folder=folder, otherwise=otherwise)


class Decoder:
    """A process that decodes one file after the other; starting Python takes longer than most files do.

    It starts with the first file, and again after one that took too long.
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

        Raises CannotDecode, with the sentence `otherwise` when the file itself is at fault, and DecoderLost.
        """
        if not source.is_file():
            raise CannotDecode("No preview: the file is missing.")
        try:
            code = self._ask(source, folder)
        except (CannotDecode, DecoderLost):
            self._end()
            raise
        if code:
            raise CannotDecode(otherwise)
        try:
            facts: dict[str, Any] = json.loads((folder / FACTS_FILE).read_bytes())
        except (OSError, ValueError):
            raise CannotDecode(otherwise) from None
        return facts

    def _ask(self, source: Path, folder: Path) -> int:
        if self._process is None:
            self._process = _start()
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None  # noqa: S101
        try:
            questions.write(json.dumps([str(source), str(folder)]).encode() + b"\n")
            if not wait([answers.fileno()], timeout=settings.DECODING_SECONDS):
                raise CannotDecode("No preview: decoding took too long.")
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
        # Neither keys nor addresses of the portal reach the process that opens foreign files.
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A read returns what is there, so that no answer can keep the reader waiting.
        bufsize=0,
        # A group of its own, so that the fork can be ended with it.
        start_new_session=True,
    )
