"""The first long poll run is fast although the database still takes its tables to be empty."""

import json
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection

from exams.models import Submission
from exams.services.intake import polling
from exams.services.intake.polling import poll_now
from integrations.models import Service
from tests.exams.rows import make_customer, make_service

ROWS, PAGE = 3000, 100
TABLES = ("exams_exam", "exams_submission", "integrations_customer")


class _Listing(BaseHTTPRequestHandler):
    """A Cloud that lists many exams of one customer."""

    token = "a-customer-whose-list-is-long"

    def do_GET(self) -> None:
        base = f"http://{self.headers['Host']}/api/public/v0/exams"
        offset = int(parse_qs(urlsplit(self.path).query).get("offset", ["0"])[0])
        following = f"{base}/accessible/?offset={offset + PAGE}" if offset + PAGE < ROWS else None
        results = [self._row(base, number) for number in range(offset, offset + PAGE)]
        answer = {"count": ROWS, "next": following, "previous": None, "results": results}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _row(self, base: str, number: int) -> dict[str, str]:
        request_uuid = str(uuid.UUID(int=number + 1))
        return {
            "request_uuid": request_uuid,
            "exam_uuid": request_uuid,
            "customer_id": self.token,
            "download_url": f"{base}/download-requests/{request_uuid}/data/",
            "submitted_at": "2026-11-25T12:00:00.123456Z",
        }

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service(transactional_db: None) -> Iterator[Service]:
    """A service whose customer has sent many exams."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Listing) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        made = make_service(base_url=f"http://127.0.0.1:{server.server_address[1]}", is_sandbox=True)
        made.api_keys.create(prefix="listing", secret="listing.0123456789", is_in_use=True)
        make_customer(made, token=_Listing.token)
        yield made
        server.shutdown()


def _rows_read_by_whole_tables() -> int:
    # A connection's counts become visible to others once it is closed.
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = ANY(%s)", [list(TABLES)]
        )
        return int(cursor.fetchone()[0])


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL (DATABASE_URL)")
def test_after_a_vacuum_of_empty_tables_a_long_poll_run_does_not_read_whole_tables_for_each_row(
    service: Service,
) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM {table}")
    before = _rows_read_by_whole_tables()
    poll_run = poll_now(service=service, is_full=True)
    assert poll_run is not None and poll_run.new_count == ROWS
    read = _rows_read_by_whole_tables() - before
    # Reading the whole table for each row would read ROWS² / 2 rows, 4.5 million.
    assert read < polling.MANY_NEW**2


def test_a_long_poll_run_on_any_database_stores_everything(service: Service) -> None:
    poll_run = poll_now(service=service, is_full=True)
    assert poll_run is not None and (poll_run.new_count, poll_run.is_whole) == (ROWS, True)
    assert Submission.objects.count() == ROWS
