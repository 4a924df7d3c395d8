"""`python -m exams.decoding` decodes the files named on its input, each in a fork with its own limits.

A line of input is a source and a folder as JSON. Renditions and facts are written to the folder; a line of
output is the exit code of the fork.
"""

import json
import os
import sys
from pathlib import Path

from exams.decoding.limits import limit_process

# Before the libraries are loaded. Each fork has the same limits, and starts with nothing used.
limit_process()

from exams.decoding import FACTS_FILE, documents, images, videos  # noqa: E402
from exams.decoding.facts import Unreadable  # noqa: E402
from exams.media_types import HEAD_BYTES, MP4, PDF, media_type_of  # noqa: E402


def main() -> None:
    """Decode until the input ends."""
    for line in sys.stdin:
        source, folder = json.loads(line)
        sys.stdout.write(f"{_decode_apart(Path(source), Path(folder))}\n")
        sys.stdout.flush()


def _decode_apart(source: Path, folder: Path) -> int:
    """Decode in a fork and return its exit code; a file that crashes or takes over the fork ends with it."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        # A file that takes over the fork must neither read the next files' names nor write their results.
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, sys.stdin.fileno())
        os.dup2(nothing, sys.stdout.fileno())
        code = _decode(source, folder)
    finally:
        os._exit(code)


def _decode(source: Path, folder: Path) -> int:
    with source.open("rb") as file:
        media_type = media_type_of(file.read(HEAD_BYTES))
    decode = {MP4: videos.decode, PDF: documents.decode}.get(media_type, images.decode)
    try:
        facts = decode(source=source, folder=folder)
    except Unreadable as error:
        return error.problem
    (folder / FACTS_FILE).write_text(json.dumps(facts))
    return 0


main()
