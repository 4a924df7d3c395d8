"""Decode images, videos and documents in a separate process with limits, never in a web or worker process."""

from enum import IntEnum

# The file with the facts that a decoder found, in the folder of the renditions.
FACTS_FILE = "facts.json"


class Problem(IntEnum):
    """Why a file cannot be shown: the exit code of the process that decoded it."""

    UNREADABLE = 2
    TOO_MANY_PIXELS = 3
    ENCRYPTED = 4
    NO_PAGES = 5
    # Never an exit code: the process is ended from outside.
    TOO_SLOW = 6
