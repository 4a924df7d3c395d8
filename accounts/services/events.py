"""Audit what happens to accounts outside of the administration: log-in, passwords, addresses, limits."""

from typing import Any

from django.http import HttpRequest

from audit.entries import add_entry, add_view
from foundation.address import client_address, client_network


def audit_event(
    request: HttpRequest | None, action: str, *, account: Any, outcome: str = "ok", **identifiers: str
) -> None:
    """Audit something about an account, which is the actor if it is logged in by this request."""
    user = getattr(request, "user", None)
    is_own = account is not None and user is not None and user.pk == account.pk
    add_entry(
        action=action,
        outcome=outcome,
        actor=account if is_own else None,
        target=account,
        address=client_address(request) if request is not None else None,
        **identifiers,
    )


def audit_limit(request: HttpRequest, *, limit: str, account: Any = None) -> None:
    """Audit that a limit refused a request: one entry for each limit, network and account in ten minutes."""
    user = request.user if request.user.is_authenticated else None
    add_view(
        action="limit.reached",
        # Not a session, which whoever floods the portal would not keep.
        session_key=f"{limit}|{client_network(request)}",
        actor=user,
        target=account,
        address=client_address(request),
        outcome="refused",
        limit=limit,
    )
