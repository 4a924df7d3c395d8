"""The database becomes unavailable in the middle of a job: nothing is lost or done twice."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import Error, connection

from background.runner import run
from exams.models import Report, Submission
from exams.services.fetch.job import FETCH
from exams.services.reports.delivery import DELIVER
from tests.around import Around
from tests.cloud import Cloud, CloudSubmission
from tests.exams.cast import add_report
from tests.exams.conftest import Portal
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL (DATABASE_URL)"),
]


@pytest.fixture
def hang_up() -> Iterator[Callable[[], None]]:
    """End every database connection of this process, as a restart does."""

    def end() -> None:
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        other.close()

    yield end
    connection.close()


def call_and_lose(job: Callable[[], None]) -> None:
    with pytest.raises(Error):
        job()
    # Celery does this between two tasks.
    connection.close()


def test_between_the_start_and_the_end_of_a_fetch(
    portal: Portal, submit: Submit, around: Around, hang_up: Callable[[], None]
) -> None:
    sent = submit()
    portal.poll()
    lock, fetched = threading.Lock(), []

    def fetch_and_lose(real: Any, *args: Any, **options: Any) -> Any:
        # The first file has arrived, but nothing is saved before the database becomes unavailable.
        with lock:
            answer = real(*args, **options)
            if not fetched:
                hang_up()
            fetched.append(answer)
        return answer

    around.download(fetch_and_lose)
    row = portal.row(sent)
    call_and_lose(lambda: run(FETCH, pk=row.pk))
    around.end()
    row = portal.row(sent)
    assert (row.state, row.stored_count, row.attempt_count) == ("fetching", 0, 1)
    Submission.objects.update(lease_until=ago(seconds=1))
    run(FETCH, pk=row.pk)
    row = portal.row(sent)
    assert row.state == "ready"
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]


def test_a_crash_between_sending_a_report_and_saving_that_it_arrived(
    portal: Portal,
    submit: Submit,
    cloud: Cloud,
    around: Around,
    hang_up: Callable[[], None],
) -> None:
    report = add_report(portal.receive(submit(capture_count=1)))
    Report.objects.update(not_before=ago(seconds=5))

    def send_and_lose(real: Any, **details: Any) -> None:
        real(**details)
        hang_up()

    around.call("upload_report", send_and_lose)
    call_and_lose(lambda: run(DELIVER, pk=report.pk))
    around.end()
    Report.objects.update(lease_until=ago(seconds=1))
    run(DELIVER, pk=report.pk)
    report.refresh_from_db()
    # The report did arrive, but the portal cannot know that.
    assert report.state == "uncertain"
    assert len(cloud.reports()) == 1
