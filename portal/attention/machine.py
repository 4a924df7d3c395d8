"""Problems of the portal itself: processes, disk, mail."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone

from background.heartbeat import latest_heartbeat
from background.models import Heartbeat, OutgoingMail
from integrations.services.doctor.machine import SILENCE, free_mb, nearly_full_mb
from portal.attention.problem import Problem

# Mail that failed long ago is history.
MAIL_KEPT = timedelta(days=7)


def find_machine_problems() -> Iterator[Problem]:
    """Look at processes, disk and mail."""
    yield from _processes()
    yield from _disk()
    yield from _mail()


def _processes() -> Iterator[Problem]:
    url = reverse("admin:background_heartbeat_changelist")
    consequences = {
        Heartbeat.Name.WORKER: "nothing is fetched or sent",
        Heartbeat.Name.BEAT: "nothing that becomes due is begun",
    }
    for name, consequence in consequences.items():
        seen = latest_heartbeat(name=name)
        if seen is None:
            sentence = f"No {name.value} has ever run: {consequence}."
        elif timezone.now() - seen.seen_at > SILENCE:
            sentence = f"The {name.value} is silent: {consequence} until it runs again."
        else:
            continue
        yield Problem(
            f"{name.value}_silent",
            sentence,
            "See the processes",
            url,
            oldest=seen.seen_at if seen else None,
            tone="bad",
        )


def _disk() -> Iterator[Problem]:
    free = free_mb()
    if free is None or free >= nearly_full_mb():
        return
    is_full = free < settings.MIN_FREE_MB
    words = "too full: no file is fetched" if is_full else "nearly full"
    yield Problem(
        "disk",
        f"The disk with the files is {words}. {free:,} MB are free.",
        "See the work that waits",
        reverse("admin:exams_submission_changelist") + "?state__exact=received",
        tone="bad" if is_full else "warn",
    )


def _mail() -> Iterator[Problem]:
    since = timezone.now() - MAIL_KEPT
    failed = OutgoingMail.objects.filter(state=OutgoingMail.State.FAILED, created_at__gte=since)
    found = failed.aggregate(count=Count("pk"), oldest=Min("created_at"))
    if found["count"]:
        yield Problem(
            "mail_failed",
            "Mail could not be sent.",
            "See the mail",
            reverse("admin:background_outgoingmail_changelist") + "?state__exact=failed",
            count=found["count"],
            oldest=found["oldest"],
        )
