"""Notifications a second: ours, a bare Django view on the same server, and pgbench with the same INSERT.

The bare view is in a project as Django creates it, with its seven middlewares, and again without any.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import requests

from bench.load import Load, pgbench, wrk
from bench.stage import granian, made, portal_on_postgres
from bench.tables import at_least, at_most, machine, print_table
from tests.chaos.servers import Postgres, RabbitMQ
from tests.e2e.site import Site

CONNECTIONS = (1, 16, 64)
CUSTOMER = "bench-customer-0123456789"
SERVICE = """
from integrations.models import Service
address = "http://127.0.0.1:9"
Service.objects.create(slug="echo", name="Echo", base_url=address, webhook_secret={secret!r})
"""
STATEMENT = """
import uuid
from django.db import connection
from django.test.utils import CaptureQueriesContext
from exams.services.intake.notifications import store_notification
with CaptureQueriesContext(connection) as found:
    store_notification(service_id=1, request_uuid=uuid.UUID(int=7), customer_id="{customer}")
print(found.captured_queries[0]["sql"])
"""
SECRET = "bench-secret-bench-secret-bench-secret-bench"


@dataclass
class Bench:
    """The servers and the cluster, and how long each is under load."""

    ours: str
    bare: str
    plain: str
    postgres: Postgres
    statement: str
    folder: Path
    seconds: int
    salt: int = 0

    def post(self, url: str, *, connections: int) -> Load:
        """Put one of the servers under load."""
        self.salt += 1
        return wrk(
            url,
            connections=connections,
            seconds=self.seconds,
            customer=CUSTOMER,
            script=self.folder / "post.lua",
            salt=self.salt,
        )

    def insert(self, *, connections: int) -> Load:
        """Put the cluster under load."""
        return pgbench(
            self.postgres,
            self.statement,
            connections=connections,
            seconds=self.seconds,
            script=self.folder / "insert.sql",
        )

    def count(self) -> int:
        """Count the submissions."""
        with psycopg.connect(self.postgres.url) as connection:
            row = connection.execute("SELECT count(*) FROM exams_submission").fetchone()
            return int(row[0]) if row else 0


def same_insert(site: Site) -> str:
    """Return the webhook's statement with values that differ each time."""
    site.run("shell", "-v", "0", "-c", SERVICE.format(secret=SECRET))
    out = site.run("shell", "-v", "0", "-c", STATEMENT.format(customer=CUSTOMER)).strip()
    literal = re.compile(r"'[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}'(::uuid)?")
    statement, count = literal.subn("gen_random_uuid()", out)
    assert count == 2, "Two of the values must differ for each notification."
    return statement


def rounds(bench: Bench, *, count: int) -> None:
    """Put each under load in turn, several times, and print the medians."""
    found: dict[tuple[str, int], list[Load]] = defaultdict(list)
    before, taken = bench.count(), 0
    for _ in range(count):
        for connections in CONNECTIONS:
            for name, url in (("bare", bench.bare), ("plain", bench.plain)):
                found[name, connections].append(bench.post(url, connections=connections))
            ours = bench.post(bench.ours, connections=connections)
            found["ours", connections].append(ours)
            taken += ours.taken
            stored = bench.count()
            found["pgbench", connections].append(bench.insert(connections=connections))
            # Rows stored by pgbench do not count.
            before += bench.count() - stored
    stored = bench.count() - before
    refused = sum(load.refused for (name, _), loads in found.items() if name == "ours" for load in loads)
    _print(found)
    print(
        f"2xx answers {taken}, rows stored {stored} ({'none lost' if stored >= taken else 'ROWS LOST'}), ",
        end="",
    )
    print(f"refused or failed {refused}")


def _middle(loads: list[Load]) -> Load:
    return sorted(loads, key=lambda load: load.rate)[len(loads) // 2]


def _print(found: Mapping[tuple[str, int], list[Load]]) -> None:
    rows = []
    for connections in CONNECTIONS:
        ours, bare, plain, limit = (
            _middle(found[name, connections]) for name in ("ours", "bare", "plain", "pgbench")
        )
        to_limit = ours.rate / limit.rate
        rows.append(
            [
                connections,
                f"{ours.rate:.0f}",
                f"{ours.p50:.1f} / {ours.p99:.1f}",
                at_most(ours.p99 / ours.p50, bar=4.0) if connections == 16 else f"{ours.p99 / ours.p50:.2f}",
                f"{bare.rate:.0f}",
                f"{plain.rate:.0f}",
                f"{limit.rate:.0f}",
                at_least(to_limit, bar=0.25) if connections == 16 else f"{to_limit:.2f}",
                f"{ours.rate / bare.rate:.2f}",
                f"{ours.rate / plain.rate:.2f}",
            ]
        )
    head = (
        "connections",
        "ours /s",
        "p50 / p99 ms",
        "p99 to p50",
        "bare view /s",
        "without middleware /s",
        "pgbench /s",
        "of pgbench",
        "of bare view",
        "of it without middleware",
    )
    print_table("Webhook", head, rows)


def statements(bench: Bench, *, posts: int = 300) -> None:
    """Print the statements of this many notifications."""
    session = requests.Session()
    for number in range(20 + posts):
        if number == 20:
            with psycopg.connect(bench.postgres.url, autocommit=True) as connection:
                connection.execute("SELECT pg_stat_statements_reset()")
        body = {"request_uuid": f"00000000-0000-4000-8000-{number:012x}", "customer_id": CUSTOMER}
        session.post(bench.ours, json=body, timeout=10).raise_for_status()
    with psycopg.connect(bench.postgres.url) as connection:
        found = connection.execute(
            "SELECT calls, left(query, 60) FROM pg_stat_statements "
            "WHERE query NOT LIKE '%pg_stat%' ORDER BY 1 DESC"
        ).fetchall()
    rows = [(calls, f"{calls / posts:.2f}", f"`{query}…`") for calls, query in found]
    print_table(f"Statements of {posts} notifications", ("calls", "a notification", "statement"), rows)


def broker(bench: Bench, *, node: RabbitMQ, count: int) -> None:
    """Print the same load with the broker running and with it stopped."""
    running, stopped = [], []
    for _ in range(count):
        node.start()
        running.append(bench.post(bench.ours, connections=16))
        node.kill()
        stopped.append(bench.post(bench.ours, connections=16))
    with_it, without = _middle(running).rate, _middle(stopped).rate
    row = [f"{with_it:.0f}", f"{without:.0f}", at_least(without / with_it, bar=0.9)]
    print_table("Webhook at 16 connections, broker", ("running /s", "stopped /s", "ratio"), [row])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(machine())
    with portal_on_postgres() as (site, postgres):
        node = RabbitMQ(folder=made(site.folder / "mq"))
        site.environment["CELERY_BROKER_URL"] = node.url
        statement = same_insert(site)
        log = site.folder / "granian.txt"
        try:
            with (
                granian(
                    "portal.wsgi:application", environment=site.environment, log=log, path="/health/live/"
                ) as ours,
                granian("bench.bare:application", environment={"BARE_PROJECT": "1"}, log=log) as bare,
                granian("bench.bare:application", environment={}, log=log) as plain,
            ):
                url = f"{ours}/webhooks/clarius/echo/{SECRET}/"
                bench = Bench(url, f"{bare}/", f"{plain}/", postgres, statement, site.folder, chosen.seconds)
                statements(bench)
                rounds(bench, count=chosen.rounds)
                broker(bench, node=node, count=chosen.rounds)
        finally:
            node.stop()


if __name__ == "__main__":
    main()
