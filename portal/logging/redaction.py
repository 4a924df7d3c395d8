"""The redaction filter for everything that must not appear in a log line or an error report."""

import logging
import re
import traceback
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

MASK = "********"
_PATTERNS = [
    # A token may be short and contain quotes, so everything up to the next space is masked.
    (re.compile(r"([?&]token=)[^&\s]+"), rf"\1{MASK}"),
    (re.compile(r"(/connect/[-\w]+/)(?!switch/)[^\s?]\S*"), rf"\1{MASK}"),
    (re.compile(r"(/invitations/)[-\w]+"), rf"\1{MASK}"),
    (re.compile(r"(/webhooks/clarius/[-\w]+/)[-\w]+"), rf"\1{MASK}"),
    (re.compile(r"(Service-API-Key\s+)\S+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b"), MASK),
    (re.compile(r"(customer_id=)[^&\s]+"), rf"\1{MASK}"),
    (re.compile(r"([?&](?:signature|sig|X-Amz-Signature|expires)=)[^&\s\"'>]+"), rf"\1{MASK}"),
    # PostgreSQL quotes the values of the row that violated a constraint.
    (re.compile(r"(DETAIL:).*", re.DOTALL), rf"\1 {MASK}"),
    (re.compile(r"(?<![\w-])[-\w]{43}(?![\w-])"), MASK),
]


def redact(text: str) -> str:
    """Return `text` with keys, customer tokens, webhook secrets and signatures masked."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """Masks the finished line, which includes arguments and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        # Database errors quote values of rows, so the message of an exception is left out.
        kind, _, trace = ei
        frames = "".join(traceback.format_tb(trace))
        return f"Traceback (most recent call last):\n{frames}{kind.__name__ if kind else 'None'}"


class ReporterFilter(SafeExceptionReporterFilter):
    """Keeps local variables, cookies and request data out of error reports."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        return []

    def get_safe_settings(self) -> dict[str, Any]:
        return {}

    def get_safe_request_meta(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        return {}
