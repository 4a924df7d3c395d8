"""Announcing due rows. Rows are the queue: messages may be lost, repeated or late."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import connection
from django.utils import timezone

from background.dispatcher import NUDGE_LIMIT, forget_nudges, has_due_rows, nudge_due
from background.leases import acquire
from background.runner import Job
from portal.celery import FAIL_SOON
from tests.background.conftest import TASK
from tests.background.rows import Work
from tests.background.service import due, in_parallel, let_nudges_end, work_on

pytestmark = pytest.mark.usefixtures("only_job", "broker")

Read = Callable[[], list[tuple[str, Any]]]


def _pks(messages: list[tuple[str, Any]]) -> list[int]:
    return [payload[0][0] for _, payload in messages]


def test_a_message_carries_the_primary_key_and_nothing_else(read_messages: Read) -> None:
    row = due(state="secret")
    assert nudge_due() == 1
    (message,) = read_messages()
    task, (args, kwargs, _) = message
    assert (task, args, kwargs) == (TASK, [row.pk], {})
    assert "secret" not in str(message)


def test_a_row_is_announced_once_a_minute(read_messages: Read) -> None:
    row = due()
    assert [nudge_due(), nudge_due()] == [1, 0]
    let_nudges_end()
    assert nudge_due() == 1
    assert _pks(read_messages()) == [row.pk, row.pk]


def test_rows_that_are_leased_or_not_due_are_skipped() -> None:
    acquire(model=Work, pk=due().pk)
    Work.objects.create(not_before=timezone.now() + timedelta(minutes=1))
    Work.objects.create()
    assert nudge_due() == 0
    assert not has_due_rows()


def test_no_more_rows_are_announced_than_the_limit_until_some_are_acquired(read_messages: Read) -> None:
    for _ in range(NUDGE_LIMIT + 10):
        due()
    assert [nudge_due(), nudge_due()] == [NUDGE_LIMIT, 0]
    for pk in _pks(read_messages())[:4]:
        work_on(pk)
    assert nudge_due() == 4


def test_two_dispatchers_announce_each_row_once(broker: Celery, read_messages: Read) -> None:
    rows = [due().pk for _ in range(20)]

    def dispatch() -> int:
        broker.set_current()
        return nudge_due()

    assert sum(in_parallel(2, dispatch)) == len(rows)
    assert sorted(_pks(read_messages())) == rows


def test_a_message_delivered_three_times_at_once_has_one_effect(read_messages: Read) -> None:
    row = due()
    nudge_due()
    (pk,) = _pks(read_messages())
    assert sorted(in_parallel(3, lambda: work_on(pk))) == [False, False, True]
    row.refresh_from_db()
    assert row.effect_count == 1


def test_a_lost_message_is_published_again_and_the_work_is_done(read_messages: Read) -> None:
    row = due()
    nudge_due()
    read_messages()
    let_nudges_end()
    nudge_due()
    (pk,) = _pks(read_messages())
    assert work_on(pk)
    row.refresh_from_db()
    assert row.state == "done"


def test_after_forgetting_nudges_rows_are_announced_at_once() -> None:
    due()
    nudge_due()
    forget_nudges()
    assert nudge_due() == 1


def test_without_a_broker_nothing_is_lost_and_one_line_is_logged(
    broker: Celery, read_messages: Read, caplog: pytest.LogCaptureFixture
) -> None:
    rows = {due().pk for _ in range(5)}
    away = Celery("away", broker="amqp://user:hidden@127.0.0.1:1//", set_as_current=False)
    away.conf.broker_transport_options = FAIL_SOON
    with caplog.at_level(logging.INFO, logger="background.dispatcher"):
        away.set_current()
        assert nudge_due() == 0
        let_nudges_end()
        assert nudge_due() == 0
        broker.set_current()
        let_nudges_end()
        assert nudge_due() == len(rows)
    assert sum(line.name == "background.dispatcher" for line in caplog.records) == 2
    assert "hidden" not in caplog.text
    assert set(_pks(read_messages())) == rows


def test_a_crash_between_commit_and_publish_loses_nothing(broker: Celery, read_messages: Read) -> None:
    row = due()
    Work.objects.filter(pk=row.pk).update(nudged_until=timezone.now() - timedelta(seconds=1))
    assert nudge_due() == 1
    assert _pks(read_messages()) == [row.pk]


def _work_until_none(waiting: "queue.Queue[int | None]") -> None:
    for pk in iter(waiting.get, None):
        work_on(pk)
    connection.close()


def test_two_hundred_rows_on_four_threads_need_hardly_more_messages_than_rows(read_messages: Read) -> None:
    rows = [due().pk for _ in range(200)]
    waiting: queue.Queue[int | None] = queue.Queue()
    workers = [threading.Thread(target=_work_until_none, args=(waiting,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    published = 0
    for _ in range(600):
        published += nudge_due()
        for pk in _pks(read_messages()):
            waiting.put(pk)
        if not Work.objects.exclude(state="done").exists():
            break
        time.sleep(0.05)
    for _ in workers:
        waiting.put(None)
    for worker in workers:
        worker.join(timeout=30)
    assert Work.objects.filter(state="done", effect_count=1).count() == len(rows)
    assert published <= len(rows) + 5


def test_a_job_that_has_no_due_row_costs_no_transaction(
    only_job: Job, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(1):
        assert nudge_due() == 0
