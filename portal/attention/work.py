"""Problems of single exams and reports: held, failed, incomplete, uncertain."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.urls import reverse
from django.utils import timezone

from exams.models import Report, Submission
from portal.attention.problem import Problem

S, H, R = Submission.State, Submission.Hold, Report.State
# A hint is confirmed within seconds, or not listed after a day.
FAILED_LIST = "?state__exact=failed&given_up_at__isempty=1"
UNCONFIRMED_FOR = timedelta(hours=2)
HELD = {
    H.UNLINKED: "Exams wait because no portal account holds their customer.",
    H.BEFORE_START: "Exams from before the connection wait to be released.",
    H.FOREIGN_URL: "Exams are held because their download address is not the service's.",
    H.NOT_LISTED: "Notifications are held because the Cloud does not list their exams.",
    H.UNCONFIRMED: "Notifications could not be confirmed for hours.",
}


def find_work_problems() -> Iterator[Problem]:
    """Look at the states of submissions and reports."""
    yield from _held()
    # What an administrator gave up needs nobody any more.
    failed = Submission.objects.filter(state=S.FAILED, given_up_at=None).order_by()
    yield from _found("failed", "Exams could not be fetched.", failed.filter(stored_count=0), FAILED_LIST)
    yield from _found(
        "incomplete",
        "Exams are incomplete: a part of their captures could not be fetched.",
        failed.filter(stored_count__gt=0),
        FAILED_LIST,
    )
    yield from _reports()


def _held() -> Iterator[Problem]:
    for reason, sentence in HELD.items():
        rows = Submission.objects.filter(state=S.HELD, hold_reason=reason, given_up_at=None).order_by()
        if reason == H.UNCONFIRMED:
            rows = rows.filter(received_at__lt=timezone.now() - UNCONFIRMED_FOR)
        query = f"?state__exact=held&hold_reason__exact={reason.value}&given_up_at__isempty=1"
        yield from _found(f"held_{reason.value}", sentence, rows, query)


def _found(name: str, sentence: str, rows: QuerySet[Any], query: str) -> Iterator[Problem]:
    found = rows.aggregate(count=Count("pk"), oldest=Min("received_at"))
    if found["count"]:
        url = reverse("admin:exams_submission_changelist") + query
        if name == f"held_{H.BEFORE_START.value}":
            url = reverse("admin:exams_submission_day_one")
        yield Problem(name, sentence, "See them", url, count=found["count"], oldest=found["oldest"])


def _reports() -> Iterator[Problem]:
    page = reverse("admin:exams_report_changelist")
    sentences = {
        R.FAILED: "Signed reports were not delivered.",
        R.UNCERTAIN: "Reports may or may not have arrived; a person has to look.",
    }
    for state, sentence in sentences.items():
        rows = Report.objects.filter(state=state, given_up_at=None).order_by()
        found = rows.aggregate(count=Count("pk"), oldest=Min("signed_at"))
        if found["count"]:
            yield Problem(
                f"report_{state.value}",
                sentence,
                "See them",
                f"{page}?state__exact={state.value}&given_up_at__isempty=1",
                count=found["count"],
                oldest=found["oldest"],
                tone="bad",
            )
