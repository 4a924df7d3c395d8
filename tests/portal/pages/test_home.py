"""The home page of each role, and the error pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from background.models import Heartbeat
from exams.models import Report
from integrations.models import ReviewerAccess, Service
from tests.exams.cast import ROLES, Stage, add_report, add_submission, make_stage

HOME = reverse("home")


@pytest.fixture
def stage(db: None) -> Stage:
    return make_stage()


def home(stage: Stage, role: str) -> str:
    response = stage.browser(role).get(HOME)
    assert response.status_code == 200
    return response.content.decode()


# What only some roles see, in the order of ROLES.
PARTS = {
    'id="about"': "o-------",
    'id="connect"': "-o------",
    'id="newest-title"': "--oo----",
    'id="review-title"': "----oo--",
    'id="health-title"': "------oo",
    "Zebrowska": "--o-----",
}


@pytest.mark.parametrize("text", PARTS)
def test_each_role_sees_its_parts(text: str, stage: Stage) -> None:
    shown = {role: text in home(stage, role) for role in ROLES}
    assert shown == {role: mark == "o" for role, mark in zip(ROLES, PARTS[text], strict=True)}


NAVIGATION = {"Worklist": "----oo-o", "My exams": "--oo----", "Administration": "------oo"}


@pytest.mark.parametrize("label", NAVIGATION)
def test_the_navigation_offers_what_the_role_may_open(label: str, stage: Stage) -> None:
    shown = {role: f">{label}</a>" in home(stage, role).partition("</nav>")[0] for role in ROLES}
    assert shown == {role: mark == "o" for role, mark in zip(ROLES, NAVIGATION[label], strict=True)}


def figures(stage: Stage) -> list[int]:
    response = stage.browser("reviewer").get(HOME)
    return [figure.count for figure in response.context["review_figures"]]


def test_a_reviewer_sees_how_many_exams_wait_and_how_many_reports_need_attention(stage: Stage) -> None:
    mine = add_submission(stage.customer, claimed_by=stage.people["reviewer"])
    add_submission(stage.customer, claimed_by=stage.people["reviewer without grant"])
    add_submission(stage.customer, state="fetching")
    assert figures(stage) == [1, 1, 0]
    add_report(mine, state=Report.State.UNCERTAIN)
    add_report(stage.submission)
    assert figures(stage) == [0, 0, 1]


def test_each_figure_leads_to_the_rows_it_counted(stage: Stage) -> None:
    add_report(add_submission(stage.customer), state=Report.State.FAILED)
    browser = stage.browser("reviewer")
    for figure in browser.get(HOME).context["review_figures"]:
        assert browser.get(figure.url).context["page"].count == figure.count


def test_roles_add_up(stage: Stage) -> None:
    stage.people["clinician"].groups.set(stage.people["reviewer"].groups.all())
    ReviewerAccess.objects.create(user=stage.people["clinician"], service=stage.service)
    html = home(stage, "clinician")
    assert 'id="newest-title"' in html
    assert 'id="review-title"' in html


def health(stage: Stage) -> str:
    return home(stage, "administrator").partition('id="health-title"')[2]


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        ({"polled_at": None}, "Not polled yet"),
        ({}, "Working."),
        ({"is_registered": False}, "does not know our addresses"),
        ({"is_registered": False, "is_poll_only": True}, "Working."),
        ({"is_active": False}, "Paused"),
        ({"circuit_opened_at": timezone.now()}, "refuses every stored API key"),
        ({"polled_at": timezone.now() - timedelta(days=1)}, "The poll is overdue"),
        ({"last_error": "Away.", "last_error_at": timezone.now() + timedelta(hours=1)}, "Away."),
    ],
)
def test_an_administrator_sees_how_each_service_is_doing(
    fields: dict[str, Any], headline: str, stage: Stage
) -> None:
    assert "No API key is in use" in health(stage)
    stage.service.api_keys.create(prefix="aaaaaaaa", secret="aaaaaaaa." + "b" * 32, is_in_use=True)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="h", pid=1, seen_at=timezone.now())
    Service.objects.update(**({"polled_at": timezone.now(), "is_registered": True} | fields))
    assert headline in health(stage)


def test_an_administrator_sees_whether_a_worker_runs(stage: Stage) -> None:
    assert "The worker has never run" in health(stage)
    beat = Heartbeat.objects.create(name="worker", host="h", pid=1, seen_at=timezone.now())
    assert "The worker is running" in health(stage)
    Heartbeat.objects.filter(pk=beat.pk).update(seen_at=timezone.now() - timedelta(hours=1))
    assert "The worker does not respond" in health(stage)


def test_without_a_demo_nobody_can_continue_as_a_role(stage: Stage) -> None:
    assert "Continue as" not in home(stage, "anonymous")


def test_no_page_may_be_cached_or_run_inline_scripts(stage: Stage) -> None:
    for role, address in (
        ("reviewer", reverse("worklist")),
        ("clinician", reverse("my")),
        ("anonymous", HOME),
    ):
        response = stage.browser(role).get(address)
        assert response["Cache-Control"] == "no-store, private"
        html = response.content.decode()
        for forbidden in (
            "<script>",
            "<style",
            " style=",
            "onclick=",
            "javascript:",
            'href="http',
            'src="http',
        ):
            assert forbidden not in html
        assert "script-src 'self'" in response["Content-Security-Policy"]


def test_an_unknown_address_shows_the_error_page(db: None) -> None:
    response = Client().get("/nowhere/")
    assert response.status_code == 404
    assert b"Page not found" in response.content


def test_an_unknown_host_is_a_bad_request(db: None) -> None:
    response = Client().get(HOME, headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert b"The request could not be read" in response.content


def test_an_expired_form_and_a_missing_role_show_different_pages(stage: Stage) -> None:
    browser = stage.browser("reviewer")
    browser.handler.enforce_csrf_checks = True
    response = browser.post(reverse("worklist_search"), {"words": "x"})
    assert response.status_code == 403
    assert b"This form has expired" in response.content


def test_the_error_page_needs_no_database() -> None:
    browser = Client(raise_request_exception=False)
    response = browser.get(HOME, headers={"Cookie": "portal_session=" + "x" * 32})
    # This test has no database, so that reading the session fails as it does without a connection.
    assert response.status_code == 500
    assert b"Something went wrong" in response.content


def test_a_database_that_gives_no_connection_is_a_temporary_failure(stage: Stage) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("FATAL: sorry, too many clients already")

    browser = stage.browser("reviewer")
    browser.raise_request_exception = False
    with connection.execute_wrapper(refuse):
        response = browser.get(HOME)
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert b"cannot reach its database" in response.content
    assert b"too many clients" not in response.content
    assert browser.get(HOME).status_code == 200
