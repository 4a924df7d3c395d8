"""The decoding process, which some files end: `python -m tests.exams.deadly_decoding`."""

import os
import runpy
import signal
from pathlib import Path
from typing import Any

from exams.decoding import images

ENDS_ITSELF = b"ends what decodes it"
ENDS_ALL = b"ends the whole process"
decode_image = images.decode


def decode(*, source: Path, folder: Path) -> Any:
    """Decode a file, or end the process if the file says so."""
    content = source.read_bytes()
    if content == ENDS_ITSELF:
        os.kill(os.getpid(), signal.SIGKILL)
    if content == ENDS_ALL:
        os.kill(os.getppid(), signal.SIGKILL)
    return decode_image(source=source, folder=folder)


if __name__ == "__main__":
    images.decode = decode
    runpy.run_module("exams.decoding", run_name="__main__")
