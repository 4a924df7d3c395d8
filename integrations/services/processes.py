"""Whether the portal's processes live, judged by their heartbeats."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from background.heartbeat import latest_heartbeat
from background.models import Heartbeat
from integrations.services.doctor.machine import SILENCE

CONSEQUENCES = {
    Heartbeat.Name.WORKER: "nothing is fetched or sent",
    Heartbeat.Name.BEAT: "nothing that becomes due is begun",
}


@dataclass(frozen=True)
class Process:
    """A kind of process, when one was last seen, and what its silence means; empty while it lives."""

    name: Heartbeat.Name
    seen_at: datetime | None
    trouble: str


def list_processes() -> list[Process]:
    """Return worker and beat."""
    return [_judge(name, consequence) for name, consequence in CONSEQUENCES.items()]


def _judge(name: Heartbeat.Name, consequence: str) -> Process:
    seen = latest_heartbeat(name=name)
    if seen is None:
        return Process(name, None, f"No {name.value} has ever run: {consequence}.")
    if timezone.now() - seen.seen_at > SILENCE:
        return Process(name, seen.seen_at, f"The {name.value} is silent: {consequence} until it runs again.")
    return Process(name, seen.seen_at, "")
