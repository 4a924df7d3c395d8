"""The list of the longest test files names files that exist."""

from tests.order import LONGEST
from tests.processes import ROOT


def test_every_file_that_comes_first_exists() -> None:
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
