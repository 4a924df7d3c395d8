"""The settings of the Celery app for each broker."""

import pytest

from portal import celery_app
from portal.celery import transport_options


def test_messages_are_json_nudges_that_leave_no_results() -> None:
    conf = celery_app.conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.task_ignore_result
    assert not conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_enable_remote_control
    assert conf.beat_scheduler == "background.scheduler:DispatchScheduler"


@pytest.mark.parametrize(
    ("broker_url", "option", "value"),
    [
        ("memory://", "polling_interval", 0.05),
        ("redis://127.0.0.1/0", "socket_timeout", 5),
        ("rediss://broker.example.com/0", "socket_connect_timeout", 2),
        ("amqp://broker.example.com//", "confirm_publish", True),
    ],
)
def test_each_transport_gets_what_it_needs(broker_url: str, option: str, value: object) -> None:
    assert transport_options(broker_url=broker_url)[option] == value


def test_an_unknown_transport_keeps_its_defaults() -> None:
    assert transport_options(broker_url="sqs://") == {}
