"""The demo's shortcuts work only on loopback and only with sandboxes."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from audit.models import Entry
from integrations.models import Service
from portal.demo.people import grant_review, make_accounts
from portal.demo.state import DemoFile

REAUTHENTICATE = "/accounts/reauthenticate/"
ADDRESSES = ["/demo/continue/reviewer/", "/demo/poll/"]


@pytest.fixture
def service(db: None) -> Service:
    return Service.objects.create(slug="demo", name="Demo", base_url="http://127.0.0.1:8001", is_sandbox=True)


@pytest.fixture
def demo(tmp_path: Path, service: Service, settings: Any) -> DemoFile:
    """The settings as `manage.py demo` makes them, with the three accounts."""
    file = DemoFile.open(tmp_path / "demo.json")
    settings.DEMO_FILE = str(file.path)
    settings.DEMO_SANDBOX_URL = "http://127.0.0.1:8001"
    people = make_accounts(demo=file)
    grant_review(user=people["reviewer"], service=service)
    return file


@pytest.fixture
def browser() -> Client:
    return Client(HTTP_HOST="127.0.0.1:8000")


def _who(browser: Client) -> str | None:
    pk = browser.session.get("_auth_user_id")
    return get_user_model().objects.get(pk=pk).email if pk else None


@pytest.mark.parametrize("role", ["clinician", "reviewer", "administrator"])
def test_a_visitor_continues_as_each_role(demo: DemoFile, browser: Client, role: str) -> None:
    answer = browser.post(f"/demo/continue/{role}/")
    assert answer.status_code == 302
    assert _who(browser) == f"{role}@example.test"
    assert Entry.objects.filter(action="demo.continued").count() == 1


def test_after_a_shortcut_the_page_that_asks_for_the_password_shows_it(
    demo: DemoFile, browser: Client
) -> None:
    browser.post("/demo/continue/administrator/")
    password = demo.data["passwords"]["administrator"]
    keys = f"/admin/integrations/service/{Service.objects.get().pk}/keys/"
    page = browser.get(keys, follow=True)
    assert page.request["PATH_INFO"] == REAUTHENTICATE
    assert f"<code>{password}</code>" in page.content.decode()
    assert "administrator@example.test" in page.content.decode()
    assert browser.post(page.request["PATH_INFO"], {"password": password, "next": keys}).url == keys


def test_the_password_is_shown_to_nobody_else(demo: DemoFile, browser: Client) -> None:
    password = demo.data["passwords"]["administrator"]
    browser.post("/demo/continue/administrator/")
    for other in ({"HTTP_HOST": "portal.example.com"}, {"REMOTE_ADDR": "192.0.2.1"}, {"HTTP_VIA": "1.1 x"}):
        assert password not in browser.get(REAUTHENTICATE, **other).content.decode()
    browser.post("/demo/continue/reviewer/")
    assert password not in browser.get(REAUTHENTICATE).content.decode()
    user = get_user_model().objects.get(email="reviewer@example.test")
    user.set_password("another-pass-phrase")
    user.save()
    browser.force_login(user)
    page = browser.get(REAUTHENTICATE)
    assert page.status_code == 200
    assert "This is a demo." not in page.content.decode()


def test_continuing_as_another_role_logs_the_first_one_out(demo: DemoFile, browser: Client) -> None:
    browser.post("/demo/continue/clinician/")
    browser.post("/demo/continue/reviewer/")
    assert _who(browser) == "reviewer@example.test"


def test_a_role_that_does_not_exist_is_not_found(demo: DemoFile, browser: Client) -> None:
    assert browser.post("/demo/continue/root/").status_code == 404


def test_a_link_alone_logs_nobody_in(demo: DemoFile, browser: Client) -> None:
    assert browser.get("/demo/continue/reviewer/").status_code == 405
    assert _who(browser) is None


@pytest.mark.parametrize("address", ADDRESSES)
def test_another_site_cannot_submit_the_buttons(demo: DemoFile, address: str) -> None:
    strict = Client(HTTP_HOST="127.0.0.1:8000", enforce_csrf_checks=True)
    assert strict.post(address, headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_outside_of_the_demo_every_shortcut_is_not_found(
    demo: DemoFile, browser: Client, settings: Any, address: str
) -> None:
    settings.DEMO_FILE = ""
    assert browser.post(address).status_code == 404
    assert browser.get("/demo/live/").status_code == 404
    assert _who(browser) is None


@pytest.mark.parametrize(
    "change",
    [{"is_sandbox": False}, {"base_url": "https://cloud.example.com"}, {"base_url": "http://10.0.0.5:8001"}],
)
def test_one_real_service_closes_the_shortcuts(
    demo: DemoFile, browser: Client, service: Service, change: dict[str, Any]
) -> None:
    Service.objects.filter(pk=service.pk).update(**change)
    assert browser.post("/demo/continue/reviewer/").status_code == 404


def test_a_request_from_another_machine_is_not_found(demo: DemoFile) -> None:
    remote = Client(HTTP_HOST="127.0.0.1:8000", REMOTE_ADDR="192.0.2.7")
    assert remote.post("/demo/continue/reviewer/").status_code == 404


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-forwarded-host"])
def test_a_request_through_a_proxy_is_not_found(demo: DemoFile, browser: Client, header: str) -> None:
    # A tunnel that rewrites the host makes every client look local.
    assert browser.post("/demo/continue/reviewer/", headers={header: "192.0.2.7"}).status_code == 404
    assert browser.get("/demo/live/", headers={header: "192.0.2.7"}).status_code == 404


def test_a_request_to_a_public_host_name_is_not_found(demo: DemoFile, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    assert Client(HTTP_HOST="portal.example.com").post("/demo/continue/reviewer/").status_code == 404


def test_a_request_to_an_unknown_host_is_a_bad_request(demo: DemoFile) -> None:
    assert Client(HTTP_HOST="evil.example").get("/").status_code == 400


def test_nobody_can_continue_as_a_superuser(demo: DemoFile, browser: Client) -> None:
    get_user_model().objects.filter(email="administrator@example.test").update(is_superuser=True)
    assert browser.post("/demo/continue/administrator/").status_code == 404


def test_the_button_makes_the_poll_due_now(demo: DemoFile, browser: Client, service: Service) -> None:
    assert service.not_before is None
    assert browser.post("/demo/poll/").status_code == 302
    service.refresh_from_db()
    assert service.not_before is not None


def test_accounts_are_created_once_and_keep_a_changed_password(demo: DemoFile) -> None:
    user = get_user_model().objects.get(email="clinician@example.test")
    assert user.check_password(demo.data["passwords"]["clinician"])
    user.set_password("another-password-1")
    user.save()
    make_accounts(demo=demo)
    user.refresh_from_db()
    assert user.check_password("another-password-1")
    administrator = get_user_model().objects.get(email="administrator@example.test")
    assert (administrator.is_staff, administrator.is_superuser) == (True, False)


def test_a_page_that_asks_for_a_code_says_where_the_demo_writes_its_mails(
    browser: Client, demo: DemoFile, tmp_path: Path, settings: Any
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    browser.post("/accounts/password/reset/", {"email": "clinician@example.test"})
    page = "/accounts/password/reset/confirm/"
    assert f"<code>{tmp_path / 'mail'}</code>" in browser.get(page).content.decode()
    settings.DEMO_FILE = ""
    assert str(tmp_path) not in browser.get(page).content.decode()
