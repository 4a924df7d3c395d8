"""Logging to standard error, through the redaction filter."""

import logging
from typing import Any


class RefusalFilter(logging.Filter):
    """Leaves out the traceback of a request that was refused, since nothing failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


def logging_config(*, level: str) -> dict[str, Any]:
    """Return the `LOGGING` dictionary. Without a mail handler, since error mails contain local variables."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "portal.logging.redaction.RedactingFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            }
        },
        "filters": {"refusals": {"()": "portal.logging.setup.RefusalFilter"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": ["stderr"], "level": level, "propagate": False},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
            # At DEBUG, SQL parameters contain patient data and urllib3 logs query strings.
            "django.db.backends": {"level": "INFO"},
            "urllib3": {"level": "INFO"},
        },
    }
