"""The page of problems, their count in the navigation, and the daily mail about them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from background.models import OutgoingMail
from background.runner import run
from exams.models import Submission
from foundation.checks import find_problems
from integrations.models import ApiKey, Service
from portal.health.digest import SEND_DIGEST, next_time
from portal.models import Digest
from tests.exams.cast import ROLES, Stage
from tests.portal.health.trouble import TROUBLE, change, silence

PAGE = "/problems/"
pytestmark = pytest.mark.django_db


def _names() -> list[str]:
    return [each.code for each in find_problems()]


def test_a_portal_that_works_has_no_problems(stage: Stage) -> None:
    page = stage.browser("administrator").get(PAGE).content.decode()
    assert "No problems." in page
    assert re.search(r"Last full poll .*worker alive \d+ s ago", page, re.DOTALL)


def test_the_page_leads_to_the_problems_of_each_package(stage: Stage) -> None:
    page = stage.browser("administrator").get(PAGE).content.decode()
    assert '?of=exams"' in page
    assert 'aria-current="page">All' in page


def test_the_last_full_poll_is_that_of_the_service_that_waits_longest(stage: Stage) -> None:
    other = Service.objects.create(slug="two", name="Two", base_url="https://c.example", is_poll_only=True)
    ApiKey.objects.create(service=other, prefix="ijklmnop", secret="x", is_in_use=True)
    Service.objects.filter(pk=other.pk).update(polled_at=timezone.now())
    assert "Last full poll: never" in stage.browser("administrator").get(PAGE).content.decode()
    long_ago = timezone.now() - timedelta(hours=30)
    Service.objects.filter(pk=other.pk).update(full_polled_at=long_ago)
    assert stage.browser("administrator").get(PAGE).context["full_polled_at"] == long_ago


@pytest.mark.parametrize("name", TROUBLE)
def test_each_problem_is_a_sentence_with_one_button(name: str, stage: Stage) -> None:
    assert _names() == []
    TROUBLE[name](stage)
    assert _names() == [name]
    (problem,) = find_problems()
    browser = stage.browser("administrator")
    page = browser.get(PAGE).content.decode()
    assert page.count('<li class="problem"') == page.count("button--small") == 1
    assert (problem.fix.label if problem.fix else problem.check.link) in page
    assert f"{problem.count} {problem.check.noun}" in page
    assert problem.sentence.endswith(".")
    # This administrator may open the link; keys and settings ask for the password first.
    assert browser.get(problem.url).status_code in (200, 302)
    assert {browser.get(each.url).status_code for each in problem.groups} <= {200}
    assert Client().get(problem.url).status_code == 302


def test_a_full_disk_is_a_problem(stage: Stage, settings: Any) -> None:
    settings.MIN_FREE_MB = 10**9
    (problem,) = find_problems()
    assert (problem.code, problem.tone) == ("disk-full", "bad")
    assert "no files are fetched" in problem.sentence


def test_a_submission_that_a_person_stopped_is_no_problem(stage: Stage) -> None:
    change(state="held", hold_reason="stopped")
    assert _names() == []


def test_one_notification_ends_the_silence(stage: Stage) -> None:
    silence(stage)
    newest = Submission.objects.order_by("-received_at").first()
    Submission.objects.filter(pk=newest.pk).update(notified_at=timezone.now())
    assert _names() == []


def test_only_administrators_open_the_page(stage: Stage) -> None:
    statuses = {role: stage.browser(role).get(PAGE).status_code for role in ROLES}
    allowed = {"administrator": 200, "administrator with content": 200, "anonymous": 302}
    assert statuses == {role: allowed.get(role, 404) for role in ROLES}


def test_the_navigation_shows_how_many_to_administrators(stage: Stage) -> None:
    TROUBLE["exams-failed"](stage)
    for role in ROLES:
        page = stage.browser(role).get("/").content.decode()
        assert ("nav-count" in page) == role.startswith("administrator")


def test_a_refused_key_is_shown_on_every_page_to_administrators(stage: Stage) -> None:
    TROUBLE["api-key-refused"](stage)
    for role in ROLES:
        page = stage.browser(role).get("/").content.decode()
        assert ("refuses every stored API key" in page.partition("<main")[0]) == role.startswith(
            "administrator"
        )


def _morning() -> Digest:
    Digest.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    digest = Digest.objects.get()
    run(SEND_DIGEST, pk=digest.pk)
    return Digest.objects.get()


def test_the_daily_mail_lists_every_problem_and_is_due_again_tomorrow(stage: Stage) -> None:
    TROUBLE["exams-failed"](stage)
    TROUBLE["api-key-refused"](stage)
    done = _morning()
    mail = OutgoingMail.objects.filter(subject="2 problems need a person").first()
    assert mail is not None
    for problem in find_problems():
        assert problem.text in mail.body
    assert done.not_before > timezone.now()
    run(SEND_DIGEST, pk=done.pk)
    assert set(OutgoingMail.objects.values_list("subject", flat=True)) == {"2 problems need a person"}


def test_without_problems_no_mail_is_sent(stage: Stage) -> None:
    assert _morning().done_at is not None
    assert not OutgoingMail.objects.exists()


def test_the_mail_is_due_at_the_same_hour_every_day() -> None:
    now = timezone.now().replace(hour=6, minute=0, second=0, microsecond=0)
    assert next_time(now=now) == now + timedelta(days=1)
    assert next_time(now=now - timedelta(seconds=1)) == now
