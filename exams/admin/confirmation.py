"""Actions on submissions, reports and services whose outcome is written to the audit log as a whole."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from audit.entries import add_entry
from exams.admin.standing import RowStatus, statuses_of, tell
from foundation.actions import Action
from foundation.adminkit.requests import actor_of
from integrations.models import Service


def run_audited(action: Action, rows: QuerySet[Any], request: HttpRequest) -> tuple[int, list[str]]:
    """Do it, and say of rows to which nothing was done in which state they are."""
    actor, before, chosen = actor_of(request), statuses_of(rows), rows.count()
    done = action.service(queryset=rows, **actor)
    add_entry(
        action=f"{rows.model._meta.model_name}.{action.name}",
        outcome="ok" if done == chosen else "partly" if done else "refused",
        actor=actor["user"],
        address=actor["address"],
        chosen=str(chosen),
        done=str(done),
    )
    after = statuses_of(rows) if done < chosen else {}
    left = [each for pk, each in after.items() if each.mark == before[pk].mark]
    return done, _explain(left) if left else [action.left]


def _explain(left: list[RowStatus]) -> list[str]:
    """Say the states of rows to which nothing was done, and link to where the Cloud is asked for the rest."""
    services = Service.objects.filter(pk__in={each.unlisted_at for each in left}).order_by("name")
    pages = [(reverse("admin:integrations_service_change", args=[each.pk]), each.name) for each in services]
    links = [format_html('<a href="{}">Poll {} now</a>.', *page) for page in pages]
    return [f"Nothing was done to the others: {tell(left)}.", *links]
