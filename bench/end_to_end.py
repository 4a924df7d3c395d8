"""Notification to READY on an idle system, submissions a minute, and what waits behind a backlog."""

import argparse
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests

from bench.stage import granian, made, portal_on_postgres
from bench.tables import at_most, machine, print_table
from tests.chaos.run import LINK
from tests.chaos.servers import RabbitMQ
from tests.cloud import Cloud, CloudCustomer, start_cloud
from tests.e2e.site import Site
from tests.processes import Process, free_ports, wait_for

EXAM = "lymph-node"
CAPTURES = 5
CAPTURE_BYTES = 1_000_000
CELERY = ("-m", "celery", "-A", "portal")
# Previews use the same threads: until they are done the system is not idle.
WAITING = """
    SELECT (SELECT count(*) FROM exams_submission WHERE state <> 'ready')
         + (SELECT count(*) FROM exams_capture WHERE not_before IS NOT NULL)
"""
FOUND = "SELECT count(*) FROM exams_submission"
LATENCIES = (
    "SELECT extract(epoch FROM ready_at - notified_at) FROM exams_submission "
    "WHERE notified_at IS NOT NULL ORDER BY 1"
)
SPAN = "SELECT extract(epoch FROM max(ready_at) - min(ready_at)), count(*) FROM exams_submission"
# A person presses Connect and another one signs, while a backlog waits.
PRESS = """
from django.contrib.auth import get_user_model
from django.utils import timezone
from background.due import schedule
from exams.models import Report, Submission
from exams.services.transitions import move_reports
from exams.storage import store_upload
from integrations.models import Service
from integrations.services.linking.links import link_customer
user = get_user_model().objects.create_user("second@example.test", "of-no-use-1234")
link_customer(service=Service.objects.get(), token={token!r}, user=user, address=None)
stored = store_upload([b"%PDF-1.7 report"])
file = dict(file=stored.path, sha256=stored.sha256, size=stored.size, media_type=stored.media_type)
row = Submission.objects.filter(state="ready").first()
report = Report.objects.create(submission=row, name="Echo", file_name="echo.pdf", page_count=1, **file)
move_reports(Report.objects.filter(pk=report.pk), to="signed", signed_at=timezone.now())
schedule(Report.objects.filter(pk=report.pk))
"""
LINK_WAIT = (
    "SELECT extract(epoch FROM confirmed_at - created_at) FROM integrations_link ORDER BY id DESC LIMIT 1"
)
REPORT_WAIT = "SELECT extract(epoch FROM delivered_at - signed_at) FROM exams_report ORDER BY id DESC LIMIT 1"
READY_COUNT = "SELECT count(*) FROM exams_submission WHERE state = 'ready'"
# Seconds for which a person may wait behind a backlog.
LONGEST_WAIT = 3.0
EMPTY = "TRUNCATE exams_submission, exams_capture, exams_exam, exams_patient CASCADE"


@dataclass
class World:
    """The running system."""

    site: Site
    url: str
    cloud: Cloud
    key: str
    customers: list[CloudCustomer]

    def ask(self, query: str) -> list[tuple[float, ...]]:
        """Run a query on the portal's database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return [tuple(float(each) for each in row) for row in connection.execute(query).fetchall()]

    def ask_one(self, query: str) -> float | None:
        """Run a query for one number, which may be missing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return float(row[0]) if row and row[0] is not None else None

    def empty(self) -> None:
        """Delete every submission on both sides."""
        for each in self.cloud.submissions():
            self.cloud.call("DELETE", f"submissions/{each.request_uuid}/")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(EMPTY)

    def wait(self, *, count: int) -> None:
        """Wait until this many submissions exist, all are ready, and their previews are made."""

        def is_done() -> bool:
            ((waiting,),) = self.ask(WAITING)
            ((found,),) = self.ask(FOUND)
            return waiting == 0 and found == count

        wait_for(is_done, what="READY", seconds=600)


def pad_captures(folder: Path) -> None:
    """Pad each file of the exam to 1 MB; nothing reads beyond the end of an image."""
    for path in (folder / "exams" / EXAM).iterdir():
        missing = CAPTURE_BYTES - path.stat().st_size
        if path.name != "thumbnail.jpg" and missing > 0:
            with path.open("ab") as file:
                file.write(bytes(missing))


@contextmanager
def workers(site: Site, *, count: int) -> Iterator[None]:
    """Run beat and this many workers."""
    commands = [(*CELERY, "beat")]
    commands += [(*CELERY, "worker", "-P", "threads", "-c", "4", "-n", f"bench-{n}@%h") for n in range(count)]
    started = [
        Process(*command, log=site.folder / f"bench-{number}.log", environment=site.environment)
        for number, command in enumerate(commands)
    ]
    try:
        for _ in started[1:]:
            # Time for imports and the first connection to the broker.
            time.sleep(6)
        yield
    finally:
        for process in started:
            process.stop()


def latency(world: World, *, count: int) -> None:
    """Print how long a submission takes on an idle system."""
    world.empty()
    with workers(world.site, count=1):
        for number in range(count):
            # Each from another customer: the portal asks the Cloud about a customer at most every 15 s.
            world.cloud.submit(
                customer=world.customers[number % len(world.customers)], exam=EXAM, capture_count=CAPTURES
            )
            world.wait(count=number + 1)
            time.sleep(0.5)
    # Submissions that a poll found first say nothing about notifications.
    seconds = [row[0] for row in world.ask(LATENCIES)]
    middle, late = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    row = [len(seconds), f"{middle:.2f}", f"{late:.2f}", f"{seconds[0]:.2f}", f"{seconds[-1]:.2f}"]
    print_table(
        "Notification to READY, 5 captures of 1 MB", ("submissions", "p50 s", "p95 s", "min", "max"), [row]
    )


def throughput(world: World, *, count: int) -> None:
    """Print submissions a minute beside those that curl fetches from the sandbox."""
    rows: list[list[object]] = []
    for number in (1, 2):
        world.empty()
        for each in range(count):
            customer = world.customers[each % len(world.customers)]
            world.cloud.submit(customer=customer, exam=EXAM, capture_count=CAPTURES, is_notified=False)
        world.site.run("poll_exams", "--full")
        with workers(world.site, count=number):
            world.wait(count=count)
        ((span, found),) = world.ask(SPAN)
        rate = (found - 1) / span * 60
        limit = _curl_rate(world, count=min(count, 30))
        rows.append([number, int(found), f"{rate:.0f}", f"{limit:.0f}", f"{rate / limit:.2f}"])
    head = ("workers", "submissions", "a minute", "curl from the same sandbox, a minute", "ratio")
    print_table("Submissions through workers, previews made meanwhile", head, rows)


def precedence(world: World, *, count: int) -> None:
    """Print how long a link and a signed report wait behind a backlog, as a ratio to the limit."""
    world.empty()
    for each in range(count):
        customer = world.customers[each % len(world.customers)]
        world.cloud.submit(customer=customer, exam=EXAM, capture_count=CAPTURES, is_notified=False)
    world.site.run("poll_exams", "--full")
    token = world.cloud.add_customer(name="Latest").token
    with workers(world.site, count=1):
        wait_for(lambda: world.ask(READY_COUNT)[0][0] > 0, what="The first exam", seconds=120)
        world.site.run("shell", "-v", "0", "-c", PRESS.format(token=token))
        waits = []
        for what, query in (("a link is confirmed", LINK_WAIT), ("a signed report leaves", REPORT_WAIT)):
            wait_for(lambda query=query: world.ask_one(query) is not None, what=what, seconds=120)
            waits.append((what, world.ask_one(query) or 0.0))
        left = count - int(world.ask(READY_COUNT)[0][0])
    rows = [[what, left, wait, at_most(wait / LONGEST_WAIT, bar=1)] for what, wait in waits]
    head = ("until", "exams that still wait", "s", f"ratio to {LONGEST_WAIT:g} s")
    print_table(f"Behind a backlog of {count} exams", head, rows)


def _curl_rate(world: World, *, count: int) -> float:
    session = requests.Session()
    session.headers["Authorization"] = f"Service-API-Key {world.key}"
    out = world.site.folder / "curl"
    out.mkdir(exist_ok=True)
    began = time.monotonic()
    for each in world.cloud.submissions()[:count]:
        address = f"{world.cloud.url}/api/public/v0/exams/download-requests/{each.request_uuid}/data/"
        links = _links(session.get(address, timeout=30).json())
        assert len(links) == CAPTURES
        config = "".join(f'url = "{url}"\noutput = "{out}/{n}"\n' for n, url in enumerate(links))
        command = ["curl", "-s", "--fail", "--parallel", "--parallel-max", "4", "-K", "-"]
        subprocess.run(command, input=config, text=True, check=True, stderr=subprocess.DEVNULL)
    return count / (time.monotonic() - began) * 60


def _links(data: object) -> list[str]:
    """Return every media link in an exam's data."""
    if isinstance(data, str):
        return [data] if data.startswith("http") and "/media/" in data else []
    children = data.values() if isinstance(data, dict) else data if isinstance(data, list) else []
    return [link for child in children for link in _links(child)]


@contextmanager
def whole_world(*, customers: int) -> Iterator[World]:
    """Run cluster, broker, sandbox and web server with linked customers."""
    with portal_on_postgres() as (site, postgres), ExitStack() as stack:
        node = RabbitMQ(folder=made(site.folder / "mq"))
        stack.callback(node.stop)
        node.start()
        site.environment["CELERY_BROKER_URL"] = node.url
        folder = made(site.folder / "sandbox")
        process, cloud = start_cloud(directory=folder)
        stack.callback(process.stop)
        pad_captures(folder)
        key = cloud.new_key()
        people = [cloud.add_customer(name=f"Customer {n}", is_confirmed=True) for n in range(customers)]
        (port,) = free_ports(1)
        site.environment["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        serve = granian(
            "portal.wsgi:application",
            environment=site.environment,
            log=site.folder / "granian.txt",
            path="/health/live/",
            port=port,
        )
        stack.enter_context(serve)
        names = ("--name", "Echo", "--base-url", cloud.url, "--register", "--take", "all")
        site.run("connect_service", "echo", *names, CLARIUS_API_KEY=key)
        site.run("shell", "-v", "0", "-c", LINK.format(tokens=[each.token for each in people]))
        yield World(site, postgres.url, cloud, key, people)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=20, help="submissions one after the other")
    parser.add_argument("--many", type=int, default=60, help="submissions at once")
    parser.add_argument("--backlog", type=int, default=500, help="exams that wait while people act")
    chosen = parser.parse_args()
    print(machine())
    with whole_world(customers=20) as world:
        latency(world, count=chosen.idle)
        throughput(world, count=chosen.many)
        precedence(world, count=chosen.backlog)


if __name__ == "__main__":
    main()
