"""A made-up token opens sign-up, and leaves nothing behind once Clarius Cloud does not know it."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.services.invitations import make_invitation_url
from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from exams.models import MaintenanceTask
from exams.services.maintenance.tasks import MAINTAIN
from integrations.models import Customer, Link, ReviewerAccess, Service
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.linking.signups import remove_signups
from tests.integrations.scripted import ScriptedCloud
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db
EMAIL = "new@example.test"
CONFIRMATIONS = "services/customer-confirmations/"
MADE_UP = "made-up_" + "x" * 35
PAGE = "/connect/echo/"


def _code() -> str:
    body = OutgoingMail.objects.to(EMAIL).latest("pk").body
    found = re.search(r"^([A-Z-]{9})$", body, re.MULTILINE)
    assert found, body
    return found[1]


@pytest.fixture
def browser(service: Service, client: Client) -> Client:
    """The browser of somebody who has signed up with a token and confirmed the address."""
    client.get(PAGE, {"token": MADE_UP})
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD})
    assert client.post("/accounts/confirm-email/", {"code": _code()})["Location"] == PAGE
    return client


def _connect(browser: Client) -> Link:
    slot = browser.get(PAGE).context["form"]["slot"].value()
    browser.post(PAGE, {"slot": slot})
    return Link.objects.get()


def _a_day_later() -> int:
    """Remove sign-ups as a day later, and return how many."""
    before = timezone.now() - timedelta(hours=25)
    User.objects.update(date_joined=before)
    User.objects.exclude(last_login=None).update(last_login=before)
    return remove_signups()


def test_the_cloud_is_asked_only_once_the_person_has_confirmed(
    browser: Client, scripted: ScriptedCloud
) -> None:
    assert scripted.calls == []
    browser.get(PAGE)
    assert (scripted.calls, Link.objects.count(), Customer.objects.count()) == ([], 0, 0)
    link = _connect(browser)
    assert scripted.calls == []
    scripted.script("POST", CONFIRMATIONS, lambda: (404, {"detail": "Not found."}))
    run(CONFIRM, pk=link.pk)
    assert scripted.calls == [("POST", CONFIRMATIONS)]


def test_a_token_that_the_cloud_does_not_know_leaves_no_account_and_no_customer(
    browser: Client, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (404, {"detail": "Not found."}))
    link = _connect(browser)
    run(CONFIRM, pk=link.pk)
    page = browser.get(f"/links/{link.uuid}/").content.decode()
    assert "Clarius Cloud does not list this account" in page
    assert "It is removed a day after your last log-in unless you connect." in page
    uuid = str(User.objects.get().uuid)
    assert remove_signups() == 0
    assert _a_day_later() == 1
    assert (User.objects.count(), Link.objects.count(), Customer.objects.count()) == (0, 0, 0)
    entry = Entry.objects.get(action="account.removed")
    assert (entry.target_id, entry.identifiers) == (uuid, {"reason": "connected_nothing"})
    assert browser.get("/preferences/").status_code == 302


def test_a_customer_that_the_cloud_lists_or_that_has_exams_stays(
    browser: Client, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (404, {"detail": "Not found."}))
    run(CONFIRM, pk=_connect(browser).pk)
    Customer.objects.update(listed_at=timezone.now())
    assert _a_day_later() == 1
    assert Customer.objects.count() == 1


def test_an_address_that_nobody_confirms_is_free_again_after_a_day(service: Service, client: Client) -> None:
    client.get(PAGE, {"token": MADE_UP})
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD})
    assert User.objects.get().is_provisional
    assert _a_day_later() == 1
    assert not User.objects.exists()


def test_while_the_cloud_is_away_the_account_waits_with_its_link(
    browser: Client, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (503, {}))
    run(CONFIRM, pk=_connect(browser).pk)
    assert _a_day_later() == 0


def test_an_account_that_connected_stays_even_after_it_is_unlinked(
    browser: Client, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (200, {}))
    link = _connect(browser)
    run(CONFIRM, pk=link.pk)
    user = User.objects.get()
    assert (Link.objects.get().state, user.is_provisional) == (Link.State.CONFIRMED, False)
    browser.post(f"/links/{link.uuid}/unlink/")
    assert _a_day_later() == 0


@pytest.mark.parametrize("role", ["group", "staff", "service"])
def test_an_account_with_a_role_stays(browser: Client, service: Service, role: str) -> None:
    user = User.objects.get()
    if role == "group":
        user.groups.add(Group.objects.get(name="Reviewers"))
    elif role == "staff":
        User.objects.update(is_staff=True)
    else:
        ReviewerAccess.objects.create(user=user, service=service)
    assert _a_day_later() == 0


def test_an_invited_account_stays(service: Service, client: Client) -> None:
    invitation = Invitation.objects.create(email=EMAIL)
    client.get(urlsplit(make_invitation_url(invitation=invitation)).path)
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.get().is_provisional
    assert _a_day_later() == 0


def test_a_worker_removes_them(browser: Client) -> None:
    User.objects.update(last_login=timezone.now() - timedelta(hours=25))
    task = MaintenanceTask.objects.get(name="remove_signups")
    MaintenanceTask.objects.filter(pk=task.pk).update(not_before=timezone.now() - timedelta(seconds=5))
    run(MAINTAIN, pk=task.pk)
    assert not User.objects.exists()
    task.refresh_from_db()
    assert task.result == "1 accounts removed"
