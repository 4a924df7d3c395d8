"""Megabytes a second: our captures, `curl --parallel`, and curl with a digest and a sync, from one nginx.

Each writes into a folder of its own, deleted when the case is over, since ext4 looks through what was just
deleted whenever it makes a file. Our store has its 256 folders already, as after its first day.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.stage import made, nginx, run_inside
from bench.tables import at_least, at_most, machine, print_table
from tests.chaos.servers import folder
from tests.e2e.site import Site

MB = 1 << 20
# Title, count and size of the files, and the bars against curl (if any) and against curl that does the same.
CASES = (
    ("1 × 200 MB", 1, 200 * MB, 0.45, 1.0),
    ("20 × 20 MB", 20, 20 * MB, 0.45, 1.0),
    ("500 × 200 KB", 500, 200 * 1024, None, 0.6),
)
MEMORY_BAR = 16.0
# Seconds after which ext4 reuses the numbers of deleted files.
INODES_REUSED_AFTER = 6


def make_files(www: Path, *, title: str, count: int, size: int) -> list[str]:
    """Write random files and return their paths below `www`."""
    directory = made(www / "".join(each for each in title if each.isalnum()))
    names = []
    for number in range(count):
        path = directory / f"{number}.bin"
        with path.open("wb") as file:
            for _ in range(0, size, MB):
                file.write(os.urandom(min(MB, size)))
        names.append(str(path.relative_to(www)))
    return names


def curl(urls: Sequence[str], *, to: Path, is_complete: bool) -> float:
    """Fetch with curl, four at a time, and return the seconds; `is_complete` digests and syncs as well."""
    to.mkdir()
    config = to.with_suffix(".curl")
    config.write_text("".join(f'url = "{url}"\noutput = "{to}/{n}"\n' for n, url in enumerate(urls)))
    began = time.monotonic()
    command = ["curl", "--fail", "--parallel", "--parallel-max", "4", "-K", str(config)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    if is_complete:
        files = [str(path) for path in to.iterdir()]
        subprocess.run(["openssl", "dgst", "-sha256", *files], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["sync", "-d", *files], check=True)
    return time.monotonic() - began


def ours(urls: Sequence[str], *, site: Site, to: Path) -> dict[str, float]:
    """Fetch as the portal does, in a separate process, and return its counts."""
    for number in range(256):
        (to / "files" / f"{number:02x}").mkdir(parents=True)
    site.environment["MEDIA_ROOT"] = str(to)
    plan, result = site.folder / "links.json", site.folder / "fetched.json"
    plan.write_text(json.dumps(urls))
    run_inside(site, "bench.fetching", str(plan), str(result))
    return dict(json.loads(result.read_text()))


def measure(
    case: tuple[str, int, int, float | None, float], *, base: str, home: Path, rounds: int
) -> list[str]:
    """Run one case several times in turn and return its row of the table."""
    title, count, size, bar, complete_bar = case
    names = make_files(home / "www", title=title, count=count, size=size)
    urls = [f"{base}/{name}" for name in names]
    site = Site(folder=made(home / f"portal-{count}"), database_url="sqlite:////nowhere")
    found: dict[str, list[float]] = {"curl": [], "complete": [], "ours": [], "cpu": [], "memory": []}
    out = made(home / f"out-{count}")
    for number in range(rounds):
        found["curl"].append(curl(urls, to=out / f"curl-{number}", is_complete=False))
        # Data that curl left in memory must not be written during the other cases.
        subprocess.run(["sync"], check=True)
        found["complete"].append(curl(urls, to=out / f"complete-{number}", is_complete=True))
        counted = ours(urls, site=site, to=out / f"ours-{number}")
        for name, key in (("ours", "seconds"), ("cpu", "cpu_seconds"), ("memory", "memory_mb")):
            found[name].append(counted[key])
    for each in (out, home / "www" / Path(names[0]).parent):
        shutil.rmtree(each)
    time.sleep(INODES_REUSED_AFTER)
    return _row(title, count * size / 1e6, found, bar, complete_bar)


def _row(
    title: str, megabytes: float, found: dict[str, list[float]], bar: float | None, complete_bar: float
) -> list[str]:
    middle: Callable[[str], float] = lambda name: sorted(found[name])[len(found[name]) // 2]  # noqa: E731
    rates = {name: megabytes / middle(name) for name in ("curl", "complete", "ours")}
    to_curl = rates["ours"] / rates["curl"]
    return [
        title,
        f"{rates['ours']:.0f}",
        f"{rates['curl']:.0f}",
        f"{rates['complete']:.0f}",
        f"{to_curl:.2f}" if bar is None else at_least(to_curl, bar=bar),
        at_least(rates["ours"] / rates["complete"], bar=complete_bar),
        f"{middle('cpu'):.2f}",
        at_most(max(found["memory"]), bar=MEMORY_BAR),
    ]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
        sys.exit("Needs nginx: apt-get install nginx-light")
    print(machine())
    with folder("portal-bench-") as home:
        made(home / "www")
        with nginx(home) as base:
            rows = [measure(case, base=base, home=home, rounds=chosen.rounds) for case in CASES]
    head = (
        "files",
        "ours MB/s",
        "curl MB/s",
        "curl + digest + sync MB/s",
        "of curl",
        "of curl + digest + sync",
    )
    print_table("Downloads", (*head, "CPU s", "memory grown MB"), rows)


if __name__ == "__main__":
    main()
