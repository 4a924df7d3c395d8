"""Access to the API by service key, with the statuses and bodies of the two libraries."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_api_key.permissions import BaseHasAPIKey, KeyParser

from sandbox.models import ServiceKey


class NoAccounts(BaseAuthentication):
    """Authenticates nobody; with it a refused key gets 403 "credentials were not provided", as measured."""

    def authenticate(self, request: Request) -> None:
        return None


class ServiceKeyParser(KeyParser):
    """Reads `Authorization: Service-API-Key <prefix>.<secret>`."""

    keyword = "Service-API-Key"


class HasServiceKey(BaseHasAPIKey):
    """A key that exists and was not revoked."""

    model = ServiceKey
    key_parser = ServiceKeyParser()

    def has_permission(self, request: HttpRequest, view: Any) -> bool:
        key = self.get_key(request)
        # A database cannot look up a NUL or a lone surrogate, so no key contains one.
        return bool(key and key.isascii() and key.isprintable()) and super().has_permission(request, view)


def key_in_use(request: HttpRequest) -> str:
    """Return the prefix of the key that authenticates this call."""
    return (ServiceKeyParser().get(request) or "").partition(".")[0]
