"""A request that cannot be read is refused with the reason, on every database."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from exams.models import RejectedNotification, Submission
from exams.views.webhook import endpoints
from portal.wsgi import application
from tests.exams.cast import Stage, make_stage

SUBMISSIONS = "/admin/exams/submission/"
ADDRESS = "The address contains a NUL character"
COOKIE = "A cookie contains a NUL character"


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    endpoints.forget()
    return make_stage()


@pytest.fixture(params=["anonymous", "administrator with content"])
def browser(request: pytest.FixtureRequest, stage: Stage) -> Client:
    return stage.browser(request.param)


@pytest.mark.parametrize(
    "address",
    [
        f"{SUBMISSIONS}?state__exact=%00",
        f"{SUBMISSIONS}?q=%00",
        f"{SUBMISSIONS}?q=a%00b",
        f"{SUBMISSIONS}?%00=1",
        f"{SUBMISSIONS}?state__exact=ready&state__exact=%00",
        f"{SUBMISSIONS}?submitted_at__gte=2026-01-01%00",
        f"{SUBMISSIONS}%00/change/",
        "/admin/audit/entry/?at__gte=%00",
        "/admin/exams/report/?failure_reason=%00",
        "/admin/integrations/customer/?q=%00",
        "/admin/integrations/service/%00/keys/",
        "/admin/search/?s=%00",
        "/worklist/?institution=%00",
        "/my/?after=%00",
        "/invitations/%00/",
        "/accounts/login/?next=%00",
        "/connect/echo/?token=%00",
        "/connect/echo/%00/",
        "/nowhere/%00",
    ],
)
def test_a_nul_in_an_address_is_refused_with_the_reason(browser: Client, address: str) -> None:
    for method in ("get", "post", "head"):
        answer = getattr(browser, method)(address)
        assert answer.status_code == 400
        assert answer.headers["Cache-Control"] == "no-store, private"
        if method != "head":
            assert ADDRESS in answer.content.decode()


@pytest.mark.parametrize("name", ["portal_session", "portal_csrf", "messages", "of_another_site"])
@pytest.mark.parametrize("value", ['"a\\000b"', '"\\000"'])
def test_a_nul_in_a_cookie_is_refused_with_what_to_do(stage: Stage, name: str, value: str) -> None:
    """A quoted cookie spells the character out, so that no server in front of this one stops it."""
    for method in ("get", "post"):
        for address in ("/", "/my/", "/admin/", "/accounts/login/"):
            answer = getattr(Client(), method)(address, HTTP_COOKIE=f"{name}={value}")
            assert answer.status_code == 400
            assert COOKIE in answer.content.decode()


@pytest.mark.parametrize("charset", ["hex", "undefined", "base64", "idna", "utf-8", "none"])
@pytest.mark.parametrize(
    ("query", "status"), [("next=%FF", "200"), ("next=%00", "400"), ("a&" * 2000, "400")]
)
def test_every_name_of_a_character_set_is_answered(db: None, charset: str, query: str, status: str) -> None:
    """Called through the WSGI entry point, since such a request fails before any view or middleware."""
    environ = RequestFactory().get("/accounts/login/", CONTENT_TYPE=f"text/plain; charset={charset}").environ
    answers: list[str] = []
    application(environ | {"QUERY_STRING": query}, lambda line, headers: answers.append(line[:3]))
    assert answers == [status]


@pytest.mark.parametrize(
    "address", [f"{SUBMISSIONS}?q=%FF%FE", f"{SUBMISSIONS}?q=%ED%A0%80", "/%FF/", "/%ED%A0%80/"]
)
def test_bytes_that_are_not_text_match_nothing(browser: Client, address: str) -> None:
    assert browser.get(address).status_code in (200, 302, 404)


def test_a_secret_with_a_nul_matches_no_webhook(stage: Stage) -> None:
    for secret in ("%00", f"{stage.service.webhook_secret}%00"):
        answer = Client().post(f"/webhooks/clarius/{stage.service.slug}/{secret}/", {}, "application/json")
        assert answer.status_code == 404
    assert not RejectedNotification.objects.exists()


@pytest.mark.parametrize("address", ["login", "password/reset"])
def test_a_form_with_a_nul_is_shown_again(stage: Stage, address: str) -> None:
    email = "a\0@example.test"
    form = {"login": email, "password": "\0", "email": email}
    answer = Client().post(f"/accounts/{address}/", form)
    assert answer.status_code == 200
    assert "Null characters are not allowed." in answer.content.decode()


@pytest.mark.parametrize("action", ["retry", "stop"])
@pytest.mark.parametrize("key", ["\0", "abc", "", "9" * 5000])
def test_an_action_on_an_invalid_row_is_refused(stage: Stage, action: str, key: str) -> None:
    form = {"action": action, "_selected_action": key, "confirmed": "yes"}
    answer = stage.browser("administrator").post(SUBMISSIONS, form)
    assert answer.status_code == 400
    assert Submission.objects.get().state == "ready"


def test_texts_with_a_nul_do_no_harm_in_forms_that_views_read_themselves(stage: Stage) -> None:
    browser = stage.browser("reviewer")
    sent = [
        ("/worklist/search/", {"words": "a\0", "filters": "institution=%00"}),
        (f"/reports/{stage.submission.uuid}/resolve/", {"arrived": "\0"}),
        ("/preferences/", {"first_name": "\0", "timezone": "\0"}),
        (f"/exams/{stage.submission.uuid}/report/", {"name": "\0", "replaces": "\0", "text": "\0"}),
        ("/connect/echo/", {"slot": "\0", "label": "\0"}),
    ]
    for address, form in sent:
        assert browser.post(address, form).status_code < 500
