"""The site. `celery -A portal` and Django find the Celery app here."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
