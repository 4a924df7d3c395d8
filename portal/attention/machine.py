"""Problems of the portal itself: processes, disk, mail."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from background.models import Heartbeat, OutgoingMail
from exams.models import Submission
from integrations.services.doctor.machine import free_mb, nearly_full_mb
from integrations.services.processes import list_processes
from portal.attention.deeds import RESEND
from portal.attention.problem import Mend, Problem, list_url

# Mail that failed long ago is history.
MAIL_KEPT = timedelta(days=7)


def find_machine_problems() -> Iterator[Problem]:
    """Look at processes, disk and mail."""
    yield from _processes()
    yield from _disk()
    yield from _mail()


def _processes() -> Iterator[Problem]:
    for process in list_processes():
        if process.trouble:
            name = process.name.value
            yield Problem(
                f"{name}_silent",
                process.trouble,
                "See the processes",
                list_url(Heartbeat, name__exact=name),
                "process",
                "background.view_heartbeat",
                count=Heartbeat.objects.filter(name=name).count(),
                oldest=process.seen_at,
                tone="bad",
            )


def _disk() -> Iterator[Problem]:
    free = free_mb()
    if free is None or free >= nearly_full_mb():
        return
    is_full = free < settings.MIN_FREE_MB
    words = "too full: no file is fetched" if is_full else "nearly full"
    waiting = Submission.objects.filter(state=Submission.State.RECEIVED).order_by()
    found = waiting.aggregate(count=Count("pk"), oldest=Min("received_at"))
    yield Problem(
        "disk",
        f"The disk with the files is {words}. {free:,} MB are free.",
        "See the exams that wait",
        list_url(Submission, state__exact="received"),
        "waiting exam",
        "exams.view_submission",
        count=found["count"],
        oldest=found["oldest"],
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
            list_url(OutgoingMail, state__exact="failed", created_at__gte=since),
            "mail",
            "background.view_outgoingmail",
            count=found["count"],
            oldest=found["oldest"],
            mend=Mend(rows=failed, permission="background.change_outgoingmail", deeds=(RESEND,)),
        )
