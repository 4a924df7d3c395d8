"""Tables of results, as in docs/benchmarks.md."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(_text(each) for each in row)} |")
    print(flush=True)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    return str(value)


def at_least(ratio: float, *, bar: float) -> str:
    """Format a ratio that should be large, its bar, and whether it is reached."""
    return f"{ratio:.2f} (bar {bar:g}: {'reached' if ratio >= bar else 'MISSED'})"


def at_most(ratio: float, *, bar: float) -> str:
    """Format a ratio that should be small, its bar, and whether it is kept."""
    return f"{ratio:.2f} (bar {bar:g}: {'kept' if ratio <= bar else 'MISSED'})"


def machine() -> str:
    """Describe the machine and its current load."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load before the run {load}, commit {commit or 'unknown'}"
    )
