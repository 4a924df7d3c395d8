"""The site put together; the Celery app is found here by Django and by `celery -A portal`."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
