"""The home page of each role. Roles add up, so a page has the parts of all of them."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from accounts.models import User
from exams.permissions import is_reviewer, visible_reports
from exams.services.review.clinician_exams import list_own_exams
from exams.services.review.worklist import FREE, MINE, NO_REPORT, TROUBLE, Filters, filter_submissions
from exams.states import SubmissionState
from foundation.checks import find
from integrations.models import Link, Service
from integrations.services.health import headline_of

# Counting further would be slow, and nobody needs the exact number.
COUNT_LIMIT = 999
# Exams of a clinician on the home page.
NEWEST = 6


@dataclass(frozen=True)
class Figure:
    """One number on the home page, with its link."""

    label: str
    count: int
    url: str

    @property
    def shown(self) -> str:
        """The number as shown, capped."""
        return f"{COUNT_LIMIT}+" if self.count > COUNT_LIMIT else str(self.count)


@dataclass(frozen=True)
class ServiceHealth:
    """A service with the tone and sentence of its status."""

    service: Service
    tone: str
    headline: str


def home_context(user: Any) -> dict[str, Any]:
    """Return the parts of the home page for this account; empty for an anonymous reader."""
    if not user.is_authenticated:
        return {}
    links = list(
        Link.objects.filter(user=user, state__in=Link.ACTIVE)
        .select_related("customer__service")
        .order_by("pk")
    )
    reviews = is_reviewer(user)
    context: dict[str, Any] = {
        "links": links,
        "own_exams": list_own_exams(user=user, size=NEWEST).rows if links else [],
        "review_figures": _review_figures(user) if reviews else [],
        "is_reviewer": reviews,
        "has_access": reviews and user.service_access.exists(),
        "is_outsider": not (links or reviews or user.is_staff),
    }
    if user.is_staff:
        context |= {
            "service_health": list_service_health(),
            "worker": next(find(lambda check: check.code == "worker-silent")),
        }
    return context


def list_service_health() -> list[ServiceHealth]:
    """Return the status of every service, for administrators."""
    services = Service.objects.order_by("name")
    return [ServiceHealth(each, *headline_of(service=each)) for each in services]


def _review_figures(user: User) -> list[Figure]:
    worklist = reverse("worklist")
    waiting = Filters(claim=FREE, report=NO_REPORT, state=SubmissionState.READY)
    mine = Filters(claim=MINE, report=NO_REPORT)
    trouble = visible_reports(user).filter(state__in=TROUBLE).order_by()
    return [
        Figure(
            "waiting for a reviewer", _count(user, waiting), f"{worklist}?claim=free&report=none&state=ready"
        ),
        Figure("claimed by you, no report yet", _count(user, mine), f"{worklist}?claim=mine&report=none"),
        Figure(
            "reports that need attention", trouble[: COUNT_LIMIT + 1].count(), f"{worklist}?report=trouble"
        ),
    ]


def _count(user: User, filters: Filters) -> int:
    return filter_submissions(user=user, filters=filters).order_by()[: COUNT_LIMIT + 1].count()
