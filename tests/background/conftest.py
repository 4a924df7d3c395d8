"""The table of the leased test model, a job on it, and a broker in memory whose messages can be read."""

import queue
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from celery import Celery, current_app
from django.db import connection

from background.runner import Done, Job, only
from tests.background.rows import Work

TASK = "tests.work_on"


@pytest.fixture(scope="session")
def work_table(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.create_model(Work)
        connection.close()
    yield
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            editor.delete_model(Work)
        connection.close()


@pytest.fixture
def rows(work_table: None, transactional_db: None) -> Iterator[None]:
    yield
    Work.objects.all().delete()


@pytest.fixture
def only_job(rows: None) -> Iterator[Job]:
    """The test model's job, the only one there is."""
    job = Job(name=TASK, model=Work, work=lambda row, hold: Done(), deadline=timedelta(minutes=1))
    with only(job):
        yield job


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """An app whose messages stay in memory, current for this thread."""
    # Celery prefers this variable to the broker that an app is given.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    before = current_app._get_current_object()
    app = Celery("messages", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "background-tests"
    app.set_current()
    yield app
    with app.connection_for_write() as link:
        link.default_channel.queue_purge("background-tests")
    before.set_current()


@pytest.fixture
def read_messages(broker: Celery) -> Callable[[], list[tuple[str, list[object]]]]:
    """Take every waiting message: the task's name and its arguments."""

    def read() -> list[tuple[str, list[object]]]:
        taken = []
        with broker.connection_for_read() as link, link.SimpleQueue("background-tests") as waiting:
            while True:
                try:
                    message = waiting.get_nowait()
                except queue.Empty:
                    return taken
                message.ack()
                taken.append((message.headers["task"], message.payload))

    return read
