"""Facts about submissions for a service's page in the admin: counts by state, and the oldest that waits."""

from django.db.models import Count
from django.urls import reverse

from exams.models import Submission
from integrations.models import Service
from integrations.services.health import ago
from integrations.services.sections import Fact

S = Submission.State
TONES = {S.FAILED: "bad", S.HELD: "warn"}


def submission_facts(service: Service) -> list[Fact]:
    """Return the service's submissions by state, the oldest that waits and the last notification."""
    rows = Submission.objects.filter(service=service).order_by()
    counts = dict(rows.values_list("state").annotate(count=Count("pk")))
    page = reverse("admin:exams_submission_changelist")
    facts = [
        Fact(
            state.label.capitalize(),
            f"{counts.get(state, 0):,}",
            TONES.get(state, "") if counts.get(state) else "",
            f"{page}?service__id__exact={service.pk}&state__exact={state.value}",
        )
        for state in S
    ]
    waiting = rows.filter(state__in=[S.RECEIVED, S.FETCHING]).order_by("received_at").first()
    notified = rows.filter(notified_at__isnull=False).order_by("-notified_at").first()
    facts.append(Fact("Oldest waiting", ago(waiting.received_at if waiting else None, never="none")))
    facts.append(Fact("Last notification", ago(notified.notified_at if notified else None)))
    return facts
