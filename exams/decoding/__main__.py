"""`python -m exams.decoding SOURCE FOLDER` writes renditions and prints facts as JSON."""

import json
import sys
from pathlib import Path

from exams.decoding.limits import limit_process

limit_process()

from exams.decoding import documents, images, videos  # noqa: E402
from exams.decoding.facts import Unreadable  # noqa: E402
from exams.media_types import HEAD_BYTES, MP4, PDF, media_type_of  # noqa: E402


def main(source: str, folder: str) -> int:
    """Decode one file; exit code 2 when it cannot be read."""
    with Path(source).open("rb") as file:
        media_type = media_type_of(file.read(HEAD_BYTES))
    decode = {MP4: videos.decode, PDF: documents.decode}.get(media_type, images.decode)
    try:
        facts = decode(source=Path(source), folder=Path(folder))
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(facts))
    return 0


sys.exit(main(*sys.argv[1:3]))
