"""Limits for the use of this app's pages: a fixed window that is counted in the cache."""

import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from accounts.services.events import audit_limit
from foundation.address import client_network


def is_allowed(*, request: HttpRequest, action: str, per_minute: int) -> bool:
    """Count one use by this account, else by this network, and tell whether it is within the limit."""
    who = f"user-{request.user.pk}" if request.user.is_authenticated else f"ip-{client_network(request)}"
    seconds = settings.LIMIT_WINDOW_SECONDS
    key = f"limit:{action}:{who}:{int(time.time() // seconds)}"
    # `add` and `incr` are atomic; a counter that is read and written back would lose parallel uses.
    cache.add(key, 0, timeout=2 * seconds)
    if cache.incr(key) <= per_minute:
        return True
    audit_limit(request, limit=action)
    return False
