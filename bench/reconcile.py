"""Rows a second through client and intake, new and known, beside one COPY of the same rows."""

import argparse
import json
import time
import uuid
from pathlib import Path

import psycopg

from bench.stage import made, nginx, portal_on_postgres, run_inside
from bench.tables import at_most, machine, print_table

PAGE = 100
COPIES = 3
CUSTOMERS = 20
SETUP = """
from django.contrib.auth import get_user_model
from django.utils import timezone
from foundation.crypto import lookup_digest
from integrations.models import Customer, Link, Service
service = Service.objects.create(slug="echo", name="Echo", base_url={base!r}, take="all", is_sandbox=True)
service.api_keys.create(prefix="bench", name="bench", secret="bench.0123456789", is_in_use=True)
user = get_user_model().objects.create_user("clinician@example.test", "of-no-use-1234")
for token in {tokens!r}:
    customer = Customer.objects.create(service=service, token=token, token_digest=lookup_digest(token))
    Link.objects.create(customer=customer, user=user, state="confirmed", confirmed_at=timezone.now())
"""


def token_of(number: int) -> str:
    """Return the token of a customer."""
    return f"bench-customer-{number % CUSTOMERS:04d}-0123456789"


def write_pages(folder: Path, *, base: str, rows: int) -> None:
    """Write the list as the Cloud would return it, page by page."""
    address = f"{base}/api/public/v0/exams/accessible/?limit={PAGE}&offset="
    for offset in range(0, rows, PAGE):
        following = f"{address}{offset + PAGE}" if offset + PAGE < rows else None
        results = [_row(base, number) for number in range(offset, offset + PAGE)]
        page = {"count": rows, "next": following, "previous": None, "results": results}
        (folder / f"{offset}.json").write_text(json.dumps(page))


def _row(base: str, number: int) -> dict[str, str]:
    request_uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    return {
        "request_uuid": request_uuid,
        "exam_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
        "customer_id": token_of(number),
        "download_url": f"{base}/api/public/v0/exams/download-requests/{request_uuid}/data/",
        "submitted_at": "2026-11-25T12:00:00.123456Z",
    }


def copy_seconds(url: str, *, rows: int) -> float:
    """Return how long one COPY of the rows takes into a table with the same columns and indexes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_copy")
        with connection.cursor() as cursor, cursor.copy("COPY exams_submission TO STDOUT") as source:
            blocks = [bytes(block) for block in source]
        # The first one takes twice as long as the next.
        return sorted(_copy(connection, blocks, rows=rows) for _ in range(COPIES))[COPIES // 2]


def _copy(connection: psycopg.Connection, blocks: list[bytes], *, rows: int) -> float:
    connection.execute("CREATE TABLE bench_copy (LIKE exams_submission INCLUDING ALL)")
    began = time.monotonic()
    with connection.cursor() as cursor, cursor.copy("COPY bench_copy FROM STDIN") as target:
        for block in blocks:
            target.write(block)
    seconds = time.monotonic() - began
    found = connection.execute("SELECT count(*) FROM bench_copy").fetchone()
    assert found == (rows,)
    connection.execute("DROP TABLE bench_copy")
    return seconds


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 100_000])
    chosen = parser.parse_args()
    print(machine())
    table = []
    with portal_on_postgres() as (site, postgres):
        made(site.folder / "www")
        with nginx(site.folder) as base:
            tokens = [token_of(number) for number in range(CUSTOMERS)]
            site.run("shell", "-v", "0", "-c", SETUP.format(base=base, tokens=tokens))
            for rows in chosen.rows:
                pages = site.folder / "www" / "pages"
                pages.exists() or made(pages)
                write_pages(pages, base=base, rows=rows)
                with psycopg.connect(postgres.url, autocommit=True) as connection:
                    # No VACUUM: one that saw the table empty makes PostgreSQL check foreign keys by
                    # reading the whole of it until the next, which never happens in a real first poll run.
                    connection.execute("TRUNCATE exams_submission, exams_exam CASCADE")
                result = site.folder / "polled.json"
                run_inside(site, "bench.polling", str(result))
                limit = copy_seconds(postgres.url, rows=rows)
                polled = json.loads(result.read_text())
                table += [
                    _line(rows, kind, counted, limit, bar)
                    for kind, counted, bar in (("new", polled["new"], 20.0), ("known", polled["known"], 2.5))
                ]
    head = ("rows", "", "ours s", "rows /s", "in the database s", "COPY s", "database to COPY", "all to COPY")
    print_table("Reconcile", (*head, "statements a page", "memory grown MB"), table)


def _line(rows: int, kind: str, counted: dict[str, float], limit: float, bar: float) -> list[str]:
    return [
        f"{rows:,}",
        kind,
        f"{counted['seconds']:.2f}",
        f"{rows / counted['seconds']:.0f}",
        f"{counted['database_seconds']:.2f}",
        f"{limit:.2f}",
        at_most(counted["database_seconds"] / limit, bar=bar),
        f"{counted['seconds'] / limit:.2f}",
        f"{counted['statements'] / counted['pages']:.2f}",
        f"{counted['memory_mb']:.1f}",
    ]


if __name__ == "__main__":
    main()
