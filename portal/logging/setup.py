"""Logging to standard error, one line a record, every line through the redaction filter."""

from typing import Any


def logging_config(*, level: str) -> dict[str, Any]:
    """Return the `LOGGING` dictionary; there is no mail handler, since error mails carry local variables."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "portal.logging.redaction.RedactingFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": ["stderr"], "level": level, "propagate": False},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
            # SQL at DEBUG carries patient data as parameters; urllib3 at DEBUG carries query strings.
            "django.db.backends": {"level": "INFO"},
            "urllib3": {"level": "INFO"},
        },
    }
