"""Health checks of who was given access."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count, Min

from accounts.models import Grant, User
from accounts.services.grants import list_deciders
from foundation.admin_urls import list_url
from foundation.checks import Audience, Cost, Finding, Level, check

GRANTS = {
    "severity": Level.ACTION,
    "cost": Cost.DATABASE,
    "audience": Audience.ADMINISTRATORS,
    "permission": "accounts.view_grant",
    "noun": "grant",
}


@check(
    code="grants-made", sentence="Access was granted in the last seven days.", link="View grants", **GRANTS
)
def look_at_made_grants() -> Iterator[Finding]:
    """Nobody was given access in the last seven days."""
    made = Grant.objects.made_lately().select_related("asked_by")
    newest = made.order_by("-decided_at", "-pk").first()
    if newest is None:
        return
    found = made.order_by().aggregate(count=Count("pk"), oldest=Min("decided_at"))
    by = newest.asked_by.email if newest.asked_by else "a command"
    sentence = (
        f"Access was granted in the last seven days, most recently {newest.what}, by {by}. "
        "Check that each was meant; this is shown for a week."
    )
    yield Finding(sentence=sentence, url=list_url(Grant, **{"is": "lately"}), **found)


@check(code="grants-waiting", sentence="Grants wait for a second administrator.", link="Decide", **GRANTS)
def look_at_waiting_grants() -> Iterator[Finding]:
    """No grant waits for a second administrator."""
    found = Grant.objects.waiting().order_by().aggregate(count=Count("pk"), oldest=Min("asked_at"))
    if found["count"]:
        yield Finding(url=list_url(Grant, **{"is": "waiting"}), **found)


@check(
    code="grants-need-two",
    severity=Level.URGENT,
    sentence="GRANTS_NEED_TWO is on, but fewer than two administrators can approve.",
    cost=Cost.DATABASE,
    audience=Audience.BOTH,
    link="View accounts",
    permission="accounts.view_user",
    noun="administrator",
    is_setup=True,
)
def look_at_deciders() -> Iterator[Finding]:
    """With `GRANTS_NEED_TWO`, two administrators can approve what the other asks for."""
    if not settings.GRANTS_NEED_TWO:
        return
    count = list_deciders().count()
    if count < 2:
        sentence = (
            f"GRANTS_NEED_TWO is on, but {count} of the two administrators that it needs can approve. Add "
            "one with createsuperuser, approve what waits with approve_grant, or switch GRANTS_NEED_TWO off."
        )
        yield Finding(sentence=sentence, count=count, url=list_url(User, is_staff__exact=1))
    else:
        yield Finding(sentence=f"{count} administrators can approve grants.", level=Level.OK)
