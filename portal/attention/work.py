"""Problems of single exams and reports: held, failed, incomplete, uncertain."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone

from exams.models import Report, Submission
from exams.services.deeds import MARK_ARRIVED, RELEASE, RETRY, SEND_AGAIN
from integrations.models import Service
from portal.attention.deeds import POLL_EVERYTHING
from portal.attention.problem import Mend, Problem, list_url

S, H, R = Submission.State, Submission.Hold, Report.State
OPERATE, SEND = "exams.operate_submission", "exams.operate_report"
# A hint is confirmed within seconds, or not listed after a day.
UNCONFIRMED_FOR = timedelta(hours=2)


def find_work_problems() -> Iterator[Problem]:
    """Look at the states of submissions and reports."""
    yield from _held()
    yield from _early()
    yield from _unconfirmed()
    yield from _failed()
    yield from _reports()
    yield from _slow(Submission, "Exams have been on their way unusually long.", "exam", "received_at")
    yield from _slow(Report, "Signed reports have been waiting unusually long.", "report", "signed_at")


def _held() -> Iterator[Problem]:
    yield from _exams(
        "held_unlinked",
        "Exams wait because no portal account holds their customer.",
        _in_state(S.HELD, H.UNLINKED) | {"customer__isnull": False},
        # What reviewers have seen is seen: a page says so first.
        deed=RELEASE,
        asks=True,
    )
    yield from _exams(
        "held_unknown",
        "Notifications wait because no portal account holds the customer they name.",
        _in_state(S.HELD, H.UNLINKED) | {"customer__isnull": True},
    )
    yield from _exams(
        "held_foreign_url",
        "Exams are held because their download address is not the service's.",
        _in_state(S.HELD, H.FOREIGN_URL),
    )
    yield from _exams(
        "held_not_listed",
        "Notifications are held because the Cloud does not list their exams.",
        _in_state(S.HELD, H.NOT_LISTED),
    )


def _early() -> Iterator[Problem]:
    # Their page counts those that can be released.
    yield from _exams(
        "held_before_start",
        "Exams from before the connection wait to be released.",
        _in_state(S.HELD, H.BEFORE_START) | {"customer__isnull": False},
        see=("Release by date or customer", reverse("admin:exams_submission_day_one")),
    )


def _unconfirmed() -> Iterator[Problem]:
    lookups = _in_state(S.HELD, H.UNCONFIRMED)
    lookups["received_at__lt"] = timezone.now() - UNCONFIRMED_FOR
    services = Service.objects.in_use().filter(pk__in=_rows(Submission, lookups).values("service"))
    yield from _exams(
        "held_unconfirmed",
        "Notifications could not be confirmed for hours.",
        lookups,
        mend=Mend(rows=services, permission="integrations.operate_service", deeds=(POLL_EVERYTHING,)),
    )


def _failed() -> Iterator[Problem]:
    failed = _in_state(S.FAILED)
    yield from _exams("failed", "Exams could not be fetched.", failed | {"stored_count": 0}, deed=RETRY)
    yield from _exams(
        "incomplete",
        "Exams are incomplete: a part of their captures could not be fetched.",
        failed | {"stored_count__gt": 0},
        deed=RETRY,
        button="Ask for the rest again",
    )


def _reports() -> Iterator[Problem]:
    yield from _sent(
        R.FAILED,
        "Signed reports were not delivered.",
        # Clarius Cloud refused these, so nothing can arrive twice.
        deeds=(SEND_AGAIN,),
        button="Send all again",
    )
    yield from _sent(
        R.UNCERTAIN,
        "Reports may or may not have arrived; a person has to look.",
        deeds=(MARK_ARRIVED, SEND_AGAIN),
        button="Decide",
        asks=True,
        is_one_by_one=True,
    )


def _slow(model: type[Submission] | type[Report], sentence: str, noun: str, since: str) -> Iterator[Problem]:
    found = model.objects.waiting_long().order_by().aggregate(count=Count("pk"), oldest=Min(since))
    if found["count"]:
        name = model._meta.model_name
        url = list_url(model, waiting="long")
        yield Problem(f"waiting_{name}", sentence, "See them", url, noun, f"exams.view_{name}", **found)


def _in_state(state: Submission.State, hold: Submission.Hold | None = None) -> dict[str, Any]:
    return {"state__exact": state.value} | ({"hold_reason__exact": hold.value} if hold else {})


def _rows(model: Any, lookups: dict[str, Any]) -> Any:
    # What an administrator gave up needs nobody any more.
    return model.objects.filter(**lookups, given_up_at=None).order_by()


def _list_url(model: Any, lookups: dict[str, Any]) -> str:
    return list_url(model, **lookups, given_up_at__isempty=1)


def _exams(
    name: str,
    sentence: str,
    lookups: dict[str, Any],
    *,
    deed: Any = None,
    mend: Mend | None = None,
    see: tuple[str, str] | None = None,
    **options: Any,
) -> Iterator[Problem]:
    rows = _rows(Submission, lookups)
    found = rows.aggregate(count=Count("pk"), oldest=Min("received_at"))
    if deed is not None:
        mend = Mend(
            rows=rows.select_related("customer", "service"), permission=OPERATE, deeds=(deed,), **options
        )
    if found["count"]:
        button, url = see or ("See them", _list_url(Submission, lookups))
        noun = "notification" if sentence.startswith("Notification") else "exam"
        yield Problem(name, sentence, button, url, noun, "exams.view_submission", mend=mend, **found)


def _sent(state: Report.State, sentence: str, **options: Any) -> Iterator[Problem]:
    lookups = {"state__exact": state.value}
    rows = _rows(Report, lookups).select_related("submission__customer", "submission__service", "author")
    found = rows.aggregate(count=Count("pk"), oldest=Min("signed_at"))
    if found["count"]:
        mend = Mend(rows=rows, permission=SEND, **options)
        url = _list_url(Report, lookups)
        yield Problem(
            f"report_{state.value}",
            sentence,
            "See them",
            url,
            "report",
            "exams.view_report",
            tone="bad",
            mend=mend,
            **found,
        )
