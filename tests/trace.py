"""A pytest plugin that counts the files and functions of ours that a test runs through, in all its threads.

`python -m pytest -s -p tests.trace -p no:xdist tests/exams/test_fetch.py::test_…`
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("foundation", "audit", "background", "accounts", "integrations", "exams", "portal")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Trace the call of the test, without its fixtures, and print what took part in it."""
    called: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        # Comprehensions and lambdas belong to the function around them.
        if event == "call" and not code.co_name.startswith("<"):
            called.add((code.co_filename, code.co_firstlineno))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        ours = {(file, line) for file, line in called if _is_ours(file)}
        print(f"\n{item.name}: {len({file for file, _ in ours})} files, {len(ours)} functions")


def _is_ours(file: str) -> bool:
    path = Path(file)
    if not path.is_relative_to(ROOT):
        return False
    parts = path.relative_to(ROOT).parts
    return parts[0] in PACKAGES and "migrations" not in parts
