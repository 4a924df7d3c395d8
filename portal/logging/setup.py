"""Logging to standard error, through the redaction filter."""

from typing import Any


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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": ["stderr"], "level": level, "propagate": False},
            "django.server": {"handlers": ["stderr"], "level": level, "propagate": False},
            # At DEBUG, SQL parameters contain patient data and urllib3 logs query strings.
            "django.db.backends": {"level": "INFO"},
            "urllib3": {"level": "INFO"},
        },
    }
