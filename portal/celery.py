"""The Celery app. Its messages only announce rows; the rows in the database are the queue."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


# Without a broker the dispatcher must not wait for long: the next tick tries again anyway.
FAIL_SOON = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


def transport_options(*, broker_url: str) -> dict[str, Any]:
    """Return what each transport needs beyond Celery's defaults."""
    if broker_url.startswith("memory"):
        # The default of one second makes an embedded worker slow.
        return {"polling_interval": 0.05}
    if broker_url.startswith("redis"):
        # Without socket timeouts a silent server blocks the dispatcher forever.
        return {
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
        } | FAIL_SOON
    if broker_url.startswith(("amqp", "pyamqp")):
        # Without confirms a broker that crashes loses messages that seemed to be accepted.
        return {"confirm_publish": True} | FAIL_SOON
    return {}


def configuration() -> dict[str, Any]:
    """Return the app's configuration; without remote control, a worker on Redis would stop listening."""
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_default_queue": "portal",
        # Acknowledged on receipt: the dispatcher announces a lost row again, so the broker need not.
        "task_acks_late": False,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": transport_options(broker_url=settings.CELERY_BROKER_URL),
        "beat_scheduler": "background.scheduler:DispatchScheduler",
        "beat_max_loop_interval": 1,
        "enable_utc": True,
        "timezone": "UTC",
    }


@setup_logging.connect(dispatch_uid="portal.logging")
def keep_logging(**kwargs: Any) -> None:
    """Keep Celery from changing logging, so that every line passes the redaction filter."""


app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
# A callable, since the settings are not complete yet while this module is imported.
app.add_defaults(configuration)
app.autodiscover_tasks()
# Every worker process has the heartbeat, the watchdog and the orderly stop.
app.autodiscover_tasks(["background"], related_name="lifecycle")
