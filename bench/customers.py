"""Syncing 10,000 confirmed customers, beside the time of the sandbox's own pages."""

import json
import sqlite3
import time
from pathlib import Path

import requests

from bench.stage import made, portal_on_postgres, run_inside
from bench.tables import machine, print_table
from tests.cloud import Cloud, start_cloud

CUSTOMERS = 10_000
# As in integrations.services.customers.reconciliation, which cannot be imported outside of a portal.
PAGE_SIZE = 1000
SETUP = """
from integrations.models import Service
service = Service.objects.create(slug="echo", name="Echo", base_url={base!r}, is_sandbox=True)
service.api_keys.create(prefix={prefix!r}, name="bench", secret={key!r}, is_in_use=True)
"""


def fill(database: Path) -> None:
    """Add the customers to the sandbox, all confirmed."""
    rows = [
        (f"Customer {number}", f"bench-token-{number:05d}-0123456789-abcdefghij")
        for number in range(CUSTOMERS)
    ]
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO sandbox_customer"
            " (name, institution, token, is_subscribed, confirmed_at, created_at)"
            " VALUES (?, '', ?, 1, '2026-11-25 00:00:00', '2026-11-25 00:00:00')",
            rows,
        )


def page_seconds(cloud: Cloud, *, key: str) -> float:
    """Return how long the sandbox takes for the same pages."""
    address = f"{cloud.url}/api/public/v0/services/confirmed-tokens/"
    headers = {"Authorization": f"Service-API-Key {key}"}
    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        for offset in range(0, CUSTOMERS, PAGE_SIZE):
            query = {"limit": str(PAGE_SIZE), "offset": str(offset)}
            assert session.get(address, params=query, headers=headers, timeout=60).status_code == 200
    return time.monotonic() - began


def main() -> None:
    """Run it."""
    print(machine())
    with portal_on_postgres() as (site, _):
        process, cloud = start_cloud(directory=made(site.folder / "cloud"))
        try:
            fill(site.folder / "cloud" / "sandbox.sqlite3")
            key = cloud.new_key()
            prefix = key.partition(".")[0]
            site.run("shell", "-c", SETUP.format(base=cloud.url, prefix=prefix, key=key))
            limit = page_seconds(cloud, key=key)
            result = site.folder / "customers.json"
            run_inside(site, "bench.syncing_customers", str(result))
            found = json.loads(result.read_text())
        finally:
            process.stop()
    rows = [
        [name, facts["seconds"], limit, facts["seconds"] / limit, facts["memory_mb"]]
        for name, facts in found.items()
    ]
    head = ["reading", "seconds", "the sandbox's pages alone", "ratio", "memory at its peak, MB more"]
    print_table(f"{CUSTOMERS:,} confirmed customers", head, rows)


if __name__ == "__main__":
    main()
