"""The WSGI entry point that granian serves."""

import gc
import os
from typing import Any

import django
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class Request(WSGIRequest):
    """A request whose client may name any character set."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (LookupError, ValueError, SuspiciousOperation):
            # Python knows codecs that are none of texts. Django reads the query with them here, where nothing
            # would answer for the error.
            self._encoding = None


class Handler(WSGIHandler):
    """Answers every request, those that cannot be read included."""

    request_class = Request


django.setup(set_prefix=False)
application = Handler()
# What is loaded by now never becomes garbage; the collector would look through it again and again.
gc.collect()
gc.freeze()
