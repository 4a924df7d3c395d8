"""The WSGI entry point that granian serves."""

import gc
import os
from typing import Any

import django
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from background.interpreter import end_if_stuck

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class Request(WSGIRequest):
    """A request that accepts any name of a character set."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (LookupError, ValueError, SuspiciousOperation):
            # Some of Python's codecs do not decode text. Django decodes the query here, where no handler
            # would turn the error into a response.
            self._encoding = None


class Handler(WSGIHandler):
    """Answers every request, including those that cannot be read."""

    request_class = Request


django.setup(set_prefix=False)
application = Handler()
end_if_stuck()
# What is loaded by now is never freed; without this, the collector would examine it again and again.
gc.collect()
gc.freeze()
