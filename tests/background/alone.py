"""Settings for a process that runs only the background, on the database of the test that starts it."""

import json
import os

SECRET_KEY = "suite-only-0123456789abcdefghijklmnopqrstuvwxyz"
FIELD_ENCRYPTION_KEYS = os.environ["FIELD_ENCRYPTION_KEYS"].split(",")
DATABASES = {"default": json.loads(os.environ["TEST_DATABASE"])}
INSTALLED_APPS = ["audit", "background"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CELERY_BROKER_URL = os.environ.get("TEST_BROKER_URL", "memory://")
WORKER_THREADS = 4
STUCK_SECONDS = int(os.environ.get("TEST_STUCK_SECONDS", "0"))
LEASE_SECONDS, NUDGE_SECONDS, RETRY_BASE_SECONDS = 60.0, 60, 10.0
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["TEST_MAIL"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "DEBUG"},
}
