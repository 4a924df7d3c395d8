"""Time from notification to READY while previews wait: on the embedded defaults, and with both servers."""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg

from bench.stage import made
from bench.tables import machine, print_table
from tests.chaos.run import LINK
from tests.chaos.servers import Postgres, RabbitMQ, folder
from tests.cloud import start_cloud
from tests.e2e.site import Site
from tests.processes import wait_for

EXAM = "cardiac-loop"
CAPTURES = 5
SUBMISSIONS = 4
PREVIEWS = 40
READY = "SELECT count(*) FROM exams_submission WHERE state = 'ready'"
OPEN = "SELECT count(*) FROM exams_capture WHERE not_before IS NOT NULL"
MAKE_DUE = """
    UPDATE exams_capture SET thumbnail = '', preview = '', not_before = stored_at WHERE id IN
    (SELECT id FROM exams_capture WHERE state = 'stored' ORDER BY id LIMIT {count})
"""
LATENCIES = """
from exams.models import Submission
rows = Submission.objects.order_by("-pk")[:{count}]
print(*sorted((row.ready_at - row.notified_at).total_seconds() for row in rows))
"""


class World:
    """A portal, a worker that can be stopped, and a Clarius Cloud with linked customers."""

    def __init__(self, *, site: Site, home: Path, stack: ExitStack) -> None:
        self.site = site
        process, self.cloud = start_cloud(directory=made(home / "sandbox"))
        stack.callback(process.stop)
        stack.callback(site.stop)
        self.customers = [
            self.cloud.add_customer(name=f"Customer {n}", is_confirmed=True) for n in range(2 * SUBMISSIONS)
        ]
        site.run("migrate", "-v", "0")
        site.start_web()
        names = ("--name", "Echo", "--base-url", self.cloud.url, "--register", "--take", "all")
        site.run("connect_service", "echo", *names, CLARIUS_API_KEY=self.cloud.new_key())
        self.shell(LINK.format(tokens=[each.token for each in self.customers]))

    def shell(self, code: str) -> str:
        """Run code in the portal and return its output."""
        return self.site.run("shell", "-v", "0", "-c", code)

    def submit(self, *, first: int, count: int, is_notified: bool) -> None:
        """Submit exams of these customers in turn."""
        for number in range(first, first + count):
            customer = self.customers[number % len(self.customers)]
            self.cloud.submit(customer=customer, exam=EXAM, capture_count=CAPTURES, is_notified=is_notified)

    def ask(self, statement: str) -> int:
        """Run SQL on the portal's database and return the number; Django's shell would be slow."""
        url = self.site.environment["DATABASE_URL"]
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)) as database, database:
                found = database.execute(statement)
                return int(found.fetchone()[0]) if found.description else found.rowcount
        with psycopg.connect(url, autocommit=True) as connection:
            answer = connection.execute(statement)
            row = answer.fetchone() if answer.description else None
            return int(row[0]) if row else answer.rowcount

    def wait(self, *, statement: str, count: int) -> None:
        """Wait until the statement returns this number."""
        wait_for(lambda: self.ask(statement) == count, what=statement, seconds=600)


def measure(world: World) -> list[float]:
    """Make previews wait, submit exams meanwhile, and return their seconds from notification to READY."""
    # Each from another customer: the portal asks the Cloud about a customer at most every 15 s.
    before = PREVIEWS // CAPTURES
    world.submit(first=0, count=before, is_notified=False)
    world.site.run("poll_exams", "--full")
    world.site.start_worker()
    world.wait(statement=READY, count=before)
    world.wait(statement=OPEN, count=0)
    world.site.kill_worker()
    world.ask(MAKE_DUE.format(count=PREVIEWS))
    world.site.start_worker()
    # Time for the first previews to start.
    wait_for(lambda: world.ask(OPEN) < PREVIEWS, what="The first preview", seconds=120)
    world.submit(first=SUBMISSIONS, count=SUBMISSIONS, is_notified=True)
    world.wait(statement=READY, count=before + SUBMISSIONS)
    return [float(each) for each in world.shell(LATENCIES.format(count=SUBMISSIONS)).split()]


def _on_defaults(measured: Callable[[World], list[float]]) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        site = Site(folder=made(Path(name) / "portal"), database_url=f"sqlite:///{name}/portal.sqlite3")
        site.environment |= {"CELERY_BROKER_URL": "memory://", "LOG_LEVEL": "INFO"}
        return measured(World(site=site, home=Path(name), stack=stack))


def _on_servers(measured: Callable[[World], list[float]]) -> list[float]:
    with folder("portal-bench-") as home, ExitStack() as stack:
        postgres, broker = Postgres(folder=made(home / "pg")), RabbitMQ(folder=made(home / "mq"))
        stack.callback(postgres.stop)
        stack.callback(broker.stop)
        postgres.start()
        broker.start()
        site = Site(folder=made(home / "portal"), database_url=postgres.url)
        site.environment |= {"CELERY_BROKER_URL": broker.url, "LOG_LEVEL": "INFO"}
        return measured(World(site=site, home=home, stack=stack))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(machine())
    rows: list[list[object]] = []
    for name, run in (("SQLite, embedded", _on_defaults), ("PostgreSQL, RabbitMQ", _on_servers)):
        began = time.monotonic()
        seconds = sorted(each for _ in range(rounds) for each in run(measure))
        middle, late = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
        rows.append([name, len(seconds), middle, late, seconds[0], seconds[-1]])
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    head = ("on", "submissions", "p50 s", "p95 s", "min", "max")
    print_table(f"Notification to READY while {PREVIEWS} previews wait", head, rows)


if __name__ == "__main__":
    main()
