"""How a service is doing, from what is stored: no call is made for it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.timesince import timesince

from integrations.models import ApiKey, KeyRotation, Link, RemoteState, Service
from integrations.services.addresses import is_public_https
from integrations.services.rotation import open_rotation
from integrations.services.sections import Fact, sections_of

POLLS_MISSED = 3
V = RemoteState.Verdict
GOOD, WARN, BAD = "good", "warn", "bad"


@dataclass(frozen=True)
class Health:
    """One screen: a headline with its tone, and facts under titles."""

    tone: str
    headline: str
    sections: list[tuple[str, list[Fact]]] = field(default_factory=list)


def health_of(*, service: Service) -> Health:
    """Return how the service is doing."""
    tone, headline = headline_of(service=service)
    own = [
        ("API key", _key_facts(service)),
        ("At Clarius Cloud", _remote_facts(service)),
        ("Poll", _poll_facts(service)),
        ("Customers", _customer_facts(service)),
    ]
    return Health(tone, headline, own + sections_of(service=service))


def headline_of(*, service: Service) -> tuple[str, str]:
    """Return a tone and the one sentence that matters most."""
    state = RemoteState.objects.filter(service=service).first()
    is_overdue = service.polled_at is None or timezone.now() - service.polled_at > overdue_after()
    verdicts = [
        (not service.is_active, "", "Paused: nothing is polled, fetched or sent."),
        (
            service.circuit_opened_at is not None,
            BAD,
            "Clarius Cloud refuses every stored API key. Calls wait until one works again.",
        ),
        (not _has_key(service), BAD, "No API key is in use. Type one in on the page of the keys."),
        (service.polled_at is None, WARN, "Not polled yet."),
        (is_overdue, BAD, f"The poll is overdue. {service.last_error}".strip()),
        (
            state is not None and state.drifted_at is not None,
            WARN,
            "The Cloud's settings differ from what is wanted.",
        ),
        (
            not (service.is_registered or service.is_poll_only),
            WARN,
            "The Cloud does not know our addresses yet.",
        ),
        (bool(service.last_error), WARN, service.last_error),
    ]
    return next(((tone, words) for holds, tone, words in verdicts if holds), (GOOD, "Working."))


def overdue_after() -> timedelta:
    """Return how long after the last poll the next one is overdue."""
    return timedelta(minutes=settings.POLL_MINUTES * POLLS_MISSED)


def ago(moment: datetime | None, *, never: str = "never") -> str:
    """Say how long ago something was, and when."""
    if moment is None:
        return never
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    local = timezone.localtime(moment)
    return f"{timesince(moment, depth=1)} ago ({format_date(local, 'd M Y, H:i')})"


def _has_key(service: Service) -> bool:
    return ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).exists()


def _key_facts(service: Service) -> list[Fact]:
    keys = ApiKey.objects.filter(service=service, revoked_at=None).defer("secret")
    key = keys.filter(is_in_use=True).first()
    if key is None:
        return [Fact("In use", "none", BAD)]
    facts = [
        Fact("In use", f"{key.prefix}…", BAD if service.circuit_opened_at else GOOD),
        Fact("Since", ago(key.in_use_since or key.created_at)),
        Fact("Last used", ago(key.last_used_at)),
        Fact("In reserve", str(keys.filter(is_in_use=False).count())),
    ]
    rotation = open_rotation(service=service)
    if rotation is not None:
        facts.append(Fact("Being replaced", rotation.get_step_display(), WARN))
    else:
        last = KeyRotation.objects.filter(service=service).first()
        if last is not None and last.step == KeyRotation.Step.FAILED:
            facts.append(Fact("Last replacement failed", last.problem, WARN))
    return facts


def _remote_facts(service: Service) -> list[Fact]:
    state = RemoteState.objects.filter(service=service).first()
    if state is None:
        return [Fact("Settings", "not read yet", WARN)]
    facts = [
        Fact(label, V(verdict).label, GOOD if verdict == V.SAME else WARN)
        for label, verdict in (
            ("Notification URL", state.notification_verdict),
            ("Token transfer URL", state.token_transfer_verdict),
        )
    ]
    if not is_public_https() and not service.is_sandbox:
        facts.append(Fact("PUBLIC_URL", "not https: the poll carries all", WARN))
    facts.append(Fact("Last read", ago(state.read_at)))
    if state.problem:
        facts.append(Fact("Last look failed", state.problem, WARN))
    return facts


def _poll_facts(service: Service) -> list[Fact]:
    facts = [
        Fact("Last poll", ago(service.polled_at)),
        Fact("Last full poll", ago(service.full_polled_at)),
        Fact("Listed there", "?" if service.remote_count is None else f"{service.remote_count:,}"),
    ]
    if service.last_error:
        facts.append(Fact("Last error", f"{service.last_error} ({ago(service.last_error_at)})", WARN))
    return facts


def _customer_facts(service: Service) -> list[Fact]:
    counts = dict(
        Link.objects.filter(customer__service=service)
        .order_by()
        .values_list("state")
        .annotate(count=Count("customer", distinct=True))
    )
    shown = (Link.State.CONFIRMED, Link.State.PENDING, Link.State.GONE, Link.State.REJECTED)
    return [Fact(state.label, f"{counts.get(state, 0):,}") for state in shown]
