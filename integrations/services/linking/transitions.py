"""The state machine of links: the only place that changes the state of one."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from integrations.models import Link
from integrations.states import LinkReason

State = Link.State
ALLOWED: dict[str, frozenset[str]] = {
    State.PENDING: frozenset({State.CONFIRMED, State.REJECTED, State.UNLINKED}),
    State.CONFIRMED: frozenset({State.GONE, State.UNLINKED}),
    # A link that ended stays ended: connecting again creates another one.
    State.REJECTED: frozenset(),
    State.GONE: frozenset(),
    State.UNLINKED: frozenset(),
}


class NotAllowed(Exception):
    """The state of the link does not allow this transition."""


def unlink_all(*, links: QuerySet[Link], reason: LinkReason) -> list[Link]:
    """Unlink those of the links that have not ended, and return them; call it in a transaction."""
    allowed = [state for state, following in ALLOWED.items() if State.UNLINKED in following]
    # Locked in one order, so that two such steps cannot deadlock.
    rows = list(links.filter(state__in=allowed).select_for_update().order_by("pk"))
    Link.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.UNLINKED, reason=reason, ended_at=timezone.now(), not_before=None, nudged_until=None
    )
    return rows


def move_link(*, pk: int, to: str, **changes: Any) -> Link:
    """Move a link to another state; call it in a transaction. Raises NotAllowed."""
    link = Link.objects.select_for_update().get(pk=pk)
    if to not in ALLOWED[link.state]:
        raise NotAllowed(f"A link that is {link.state} does not become {to}.")
    moment = "confirmed_at" if to == State.CONFIRMED else "ended_at"
    values = {"state": to, moment: timezone.now(), "not_before": None, "nudged_until": None}
    Link.objects.filter(pk=pk).update(**(values | changes))
    return link
