"""The health page of a service, made of stored facts without a call."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from background.heartbeat import is_silent, latest_heartbeat
from background.models import Heartbeat
from foundation.checks import Check, Cost, Level, find
from integrations.keyring import key_in_use
from integrations.models import ApiKey, Customer, KeyRotation, RemoteState, Service
from integrations.services.keys.listing import open_rotation
from integrations.services.sections import Fact, sections_of
from integrations.services.settings.addresses import is_public_https

V = RemoteState.Status
GOOD, WARN, BAD = "good", "warn", "bad"
# The checks of other packages that every service depends on.
PROCESSES = {"worker-silent", "beat-silent"}
NOT_NOTIFIED = "off: exams are found only by polling"
NOT_CONNECTABLE = "off: nobody can press Connect in Clarius Cloud"
Status = Customer.Status
# Customers in these need a look, so their number is marked.
UNWELL = frozenset({Status.MISSING, Status.GONE, Status.UNKNOWN_HERE, Status.ACCOUNT_OFF})


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
        ("Processes", [_process_fact(each) for each in Heartbeat.Name]),
        ("API key", _key_facts(service)),
        ("At Clarius Cloud", _remote_facts(service)),
        ("Poll", _poll_facts(service)),
        ("Customers", _customer_facts(service)),
    ]
    return Health(tone, headline, own + sections_of(service=service))


def headline_of(*, service: Service) -> tuple[str, str]:
    """Return the most serious finding as tone and sentence: about the service, else about the processes."""
    found = [each for each in find(_matters, subjects=[service]) if (each.level or Level.OK) >= Level.NOTE]
    if not found:
        return GOOD, "Working."
    # Of equally serious ones the first: a service that was never polled shows no other problem yet.
    worst = min(
        found, key=lambda each: (not each.check.is_final, each.level != Level.URGENT, each.subject is None)
    )
    return worst.tone, worst.sentence


def _matters(check: Check) -> bool:
    # Other packages' checks of a service are shown on their own pages.
    return check.cost != Cost.NETWORK and (
        check.code in PROCESSES or (check.each is not None and check.place == "integrations")
    )


def ago(moment: datetime | None, *, never: str = "never") -> str:
    """Return how long ago something happened, and when."""
    if moment is None:
        return never
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    local = timezone.localtime(moment)
    return f"{timesince(moment, depth=1)} ago ({format_date(local, 'd M Y, H:i')})"


def _process_fact(name: Heartbeat.Name) -> Fact:
    label, beat = name.label.capitalize(), latest_heartbeat(name=name)
    if beat is None:
        return Fact(label, "never seen", BAD)
    status, tone = ("silent", BAD) if is_silent(beat) else ("running", GOOD)
    return Fact(label, f"{status}, seen {ago(beat.seen_at)}", tone)


def _key_facts(service: Service) -> list[Fact]:
    key = key_in_use(service=service)
    if key is None:
        return [Fact("In use", "none", BAD)]
    facts = [
        Fact("In use", f"{key.prefix}…", BAD if service.circuit_opened_at else GOOD),
        Fact("Since", ago(key.in_use_since or key.created_at)),
        Fact("Last used", ago(key.last_used_at)),
        _standby_fact(service),
    ]
    rotation = open_rotation(service=service)
    if rotation is not None:
        facts.append(Fact("Being replaced", rotation.get_step_display(), WARN))
    else:
        last = KeyRotation.objects.filter(service=service).first()
        if last is not None and last.step == KeyRotation.Step.FAILED:
            facts.append(Fact("Last replacement failed", last.problem, WARN))
    return facts


def _standby_fact(service: Service) -> Fact:
    """Count the standby keys, apart from those that Clarius Cloud no longer lists."""
    rotation = open_rotation(service=service)
    standby = ApiKey.objects.filter(service=service, revoked_at=None, is_in_use=False)
    # A key that is being replaced is about to be revoked.
    standby = standby.exclude(prefix=rotation.old_prefix) if rotation is not None else standby
    state = RemoteState.objects.filter(service=service, read_at__isnull=False).first()
    dead = 0
    if state is not None:
        listed = [each["prefix"] for each in state.keys]
        # A list that was read earlier cannot have a key that was stored later.
        dead = standby.filter(created_at__lte=state.read_at).exclude(prefix__in=listed).count()
    count = standby.count() - dead
    if not dead:
        return Fact("Standby keys", str(count))
    return Fact("Standby keys", f"{count}, and {dead} that Clarius Cloud does not list", WARN)


def _remote_facts(service: Service) -> list[Fact]:
    state = RemoteState.objects.filter(service=service).first()
    if state is None:
        return [Fact("Settings", "not read yet", WARN)]
    facts = [
        _setting("Notification URL", state.notification_status, service.is_notified, NOT_NOTIFIED),
        _setting("Token transfer URL", state.token_transfer_status, service.is_connectable, NOT_CONNECTABLE),
    ]
    if not is_public_https() and not service.is_sandbox:
        facts.append(Fact("PUBLIC_URL", "not https: exams are found only by polling", WARN))
    facts.append(Fact("Last read", ago(state.read_at)))
    if state.problem:
        facts.append(Fact("Last reading failed", state.problem, WARN))
    return facts


def _setting(label: str, status: str, is_wanted: bool, off: str) -> Fact:
    if status == V.SAME and not is_wanted:
        return Fact(label, off)
    return Fact(label, V(status).label, GOOD if status == V.SAME else WARN)


def _poll_facts(service: Service) -> list[Fact]:
    facts = [
        Fact("Last poll", ago(service.polled_at)),
        Fact("Last full poll", ago(service.full_polled_at)),
        Fact("Listed at Clarius Cloud", "?" if service.remote_count is None else f"{service.remote_count:,}"),
    ]
    if service.last_error:
        facts.append(Fact("Last error", f"{service.last_error} ({ago(service.last_error_at)})", WARN))
    return facts


def _customer_facts(service: Service) -> list[Fact]:
    counts = Customer.objects.filter(service=service).count_statuses()
    page = reverse("admin:integrations_customer_changelist")
    return [
        Fact(
            f"{status.label[0].upper()}{status.label[1:]}",
            f"{counts[status]:,}",
            WARN if counts[status] and status in UNWELL else "",
            f"{page}?status={status}&service__id__exact={service.pk}",
        )
        for status in Status
    ]
