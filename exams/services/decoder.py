"""Open a stored file in a process of its own, with limits and without anything of the portal's."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

import exams

_ROOT = Path(exams.__file__).resolve().parent.parent


class CannotDecode(Exception):
    """The file gave nothing; the message says why, in words for a reader."""


def decode_file(*, source: Path, folder: Path, otherwise: str) -> dict[str, Any]:
    """Write renditions of `source` into `folder` and return its facts.

    Raises CannotDecode, with the sentence `otherwise` when the file itself is at fault.
    """
    if not source.is_file():
        raise CannotDecode("No preview: the file is missing.")
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "exams.decoding", str(source), str(folder)],
            cwd=_ROOT,
            # Neither keys nor addresses of the portal reach the process that opens foreign files.
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=settings.DECODING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotDecode("No preview: decoding took too long.") from None
    if done.returncode:
        raise CannotDecode(otherwise)
    try:
        facts: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise CannotDecode(otherwise) from None
    return facts
