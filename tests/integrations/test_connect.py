"""The transfer of a token in a browser: a person has to confirm, and no page shows the token."""

import json
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.referrals import referral_path
from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from integrations.models import Customer, Link, Service
from integrations.services.linking.confirmation import CONFIRM
from integrations.views.connect import CLAIMS_PER_MINUTE, TOKENS_PER_MINUTE
from tests.integrations.scripted import ScriptedCloud
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
CONFIRMATIONS = "services/customer-confirmations/"
PAGE = "/connect/echo/"


def _arrive(client: Client, token: str) -> Any:
    return client.get(PAGE, {"token": token})


def _slot(client: Client) -> str:
    page = client.get(PAGE)
    assert page.status_code == 200
    return str(page.context["form"]["slot"].value())


def _connect(client: Client, token: str, **fields: str) -> Any:
    _arrive(client, token)
    return client.post(PAGE, {"slot": _slot(client), **fields})


@pytest.mark.parametrize(
    "address", ["/connect/echo/?token={}", "/connect/echo?token={}", "/connect/echo/{}/", "/connect/echo/{}"]
)
def test_a_token_is_kept_and_the_browser_is_sent_to_a_clean_address(
    service: Service, client: Client, token: str, scripted: ScriptedCloud, address: str
) -> None:
    answer = client.get(address.format(token))
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store, private")
    assert answer.content == b""
    assert token not in json.dumps(dict(client.session.items()))
    assert not Link.objects.exists()
    assert not Customer.objects.exists()
    assert scripted.calls == []


def test_opening_the_page_while_logged_in_links_nothing(
    service: Service, clinician: Any, token: str, scripted: ScriptedCloud
) -> None:
    client = logged_in(clinician)
    _arrive(client, token)
    page = client.get(PAGE)
    content = page.content.decode()
    assert "Ada Osei" in content
    assert clinician.email in content
    assert "Not you? Switch account" in content
    assert token not in content
    # Under "no-referrer" browsers send the form with "Origin: null", which the CSRF check refuses.
    assert page["Referrer-Policy"] == "same-origin"
    assert page["Cache-Control"] == "no-store, private"
    assert (Link.objects.count(), scripted.calls) == (0, [])


def test_confirming_makes_a_pending_link_and_a_mail_that_says_so(
    service: Service, clinician: Any, token: str, mails: Any
) -> None:
    client = logged_in(clinician)
    answer = _connect(client, token, label="Dr. Osei", institution="Harbour Clinic")
    link = Link.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/links/{link.uuid}/")
    assert (link.state, link.user, link.not_before is not None) == (Link.State.PENDING, clinician, True)
    assert (str(link.shown), link.shown.institution) == ("Dr. Osei", "Harbour Clinic")
    assert mails(clinician.email) == ["Your account is being connected to Echo reading"]
    body = OutgoingMail.objects.get().body
    assert f"/links/{link.uuid}/not-me/" in body
    assert token not in body
    assert b"Confirming" in client.get(answer["Location"]).content


def test_a_post_without_the_csrf_token_links_nothing(service: Service, clinician: Any, token: str) -> None:
    client = logged_in(clinician, enforce_csrf_checks=True)
    _arrive(client, token)
    assert client.post(PAGE, {"slot": _slot(client)}).status_code == 403
    assert not Link.objects.exists()


def test_a_token_can_be_confirmed_once(service: Service, clinician: Any, token: str) -> None:
    client = logged_in(clinician)
    _arrive(client, token)
    slot = _slot(client)
    client.post(PAGE, {"slot": slot})
    again = client.post(PAGE, {"slot": slot})
    assert again.status_code == 410
    assert b"Your connection request has expired" in again.content
    assert Link.objects.count() == 1


@pytest.mark.parametrize("malformed", ["", "x" * 201, "a b" * 20, "a" * 30 + "\n", "ä" * 30, "\x07" * 10])
def test_an_impossible_token_is_named_as_such(
    service: Service, clinician: Any, token: str, malformed: str
) -> None:
    client = logged_in(clinician)
    _arrive(client, token)
    shown = client.get(_arrive(client, malformed)["Location"])
    assert shown.status_code == 400
    assert b"Your connection request cannot be read" in shown.content
    # The older token is not offered in place of an unreadable one.
    gone = client.get(PAGE)
    assert gone.status_code == 410
    assert b"go to Profile, then Services, and press <b>Connect</b>" in gone.content


@pytest.mark.parametrize("form", ["twelve-chars", "with.dot~and_more", "!#$&'()*+,:;=?@[]"])
def test_a_token_of_every_form_that_the_list_may_have_can_be_confirmed(
    service: Service, clinician: Any, form: str
) -> None:
    client = logged_in(clinician)
    _arrive(client, form)
    client.post(PAGE, {"slot": _slot(client)})
    assert Customer.objects.get().token == form


def test_an_unknown_or_paused_service_is_not_found(service: Service, client: Client, token: str) -> None:
    assert client.get("/connect/nothing/", {"token": token}).status_code == 404
    Service.objects.update(is_active=False)
    assert _arrive(client, token).status_code == 404
    assert client.get(PAGE).status_code == 404


def test_a_token_waits_fifteen_minutes(service: Service, clinician: Any, token: str, settings: Any) -> None:
    client = logged_in(clinician)
    _arrive(client, token)
    assert client.get(PAGE).status_code == 200
    settings.PENDING_TOKEN_SECONDS = -1
    assert client.get(PAGE).status_code == 410


def test_two_tabs_with_two_tokens_each_link_their_own(service: Service, clinician: Any, token: str) -> None:
    client, second = logged_in(clinician), "-second_" + "s" * 35
    _arrive(client, token)
    first_slot = _slot(client)
    _arrive(client, second)
    second_slot = _slot(client)
    client.post(PAGE, {"slot": first_slot, "label": "first"})
    client.post(PAGE, {"slot": second_slot, "label": "second"})
    links = Link.objects.select_related("customer")
    assert {row.label: row.customer.token for row in links} == {"first": token, "second": second}
    assert Link.objects.count() == 2


def test_a_slot_of_another_service_is_not_accepted(service: Service, clinician: Any, token: str) -> None:
    Service.objects.create(slug="other", name="Other", base_url=service.base_url)
    client = logged_in(clinician)
    _arrive(client, token)
    assert client.post("/connect/other/", {"slot": _slot(client)}).status_code == 410
    assert not Link.objects.exists()


def test_anonymous_people_have_to_log_in_and_the_token_survives_wrong_passwords(
    service: Service, client: Client, token: str
) -> None:
    person = make_person("clinician")
    _arrive(client, token)
    page = client.get(PAGE)
    assert b"Log in" in page.content
    assert client.post(PAGE, {"slot": "any"})["Location"] == PAGE
    before = client.session.session_key
    for password in ("wrong-one", PASSWORD):
        answer = client.post(reverse("account_login"), {"login": person.email, "password": password})
    assert answer["Location"] == PAGE
    assert client.session.session_key != before
    assert client.post(PAGE, {"slot": _slot(client)}).status_code == 302
    assert Link.objects.get().user == person


def test_switching_the_account_keeps_the_token_and_its_age(
    service: Service, clinician: Any, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_person("other")
    client = logged_in(clinician)
    _arrive(client, token)
    until = client.session["referral"]["until"]
    answer = client.post("/connect/echo/switch/")
    assert answer["Location"] == f"/accounts/login/?next={PAGE}"
    assert client.session["referral"]["until"] == until
    assert "_auth_user_id" not in client.session
    client.post(answer["Location"], {"login": other.email, "password": PASSWORD})
    client.post(PAGE, {"slot": _slot(client)})
    assert Link.objects.get().user == other


def test_switching_without_a_token_opens_no_sign_up(service: Service, client: Client) -> None:
    client.post("/connect/echo/switch/")
    assert referral_path(client.session) is None


def test_another_account_in_the_same_browser_does_not_inherit_the_token(
    service: Service, clinician: Any, other_clinician: Any, token: str
) -> None:
    client = logged_in(clinician)
    _arrive(client, token)
    client.force_login(other_clinician)
    assert client.get(PAGE).status_code == 410


def test_connecting_again_shows_that_the_link_exists_already(
    service: Service, clinician: Any, token: str, scripted: ScriptedCloud
) -> None:
    scripted.tokens.add(token)
    client = logged_in(clinician)
    _connect(client, token)
    run(CONFIRM, pk=Link.objects.get().pk)
    _arrive(client, token)
    answer = client.get(PAGE, follow=True)
    assert b"already connected to your portal account" in answer.content
    assert b"You are connected to Echo reading" in answer.content
    assert Link.objects.count() == 1


def test_another_accounts_token_is_refused_and_neither_learns_of_the_other(
    service: Service, clinician: Any, other_clinician: Any, token: str, mails: Any, settings: Any
) -> None:
    settings.ALERT_EMAILS = ["alerts@example.test"]
    _connect(logged_in(clinician), token, label="Dr. Osei")
    answer = _connect(logged_in(other_clinician), token, label="Mallory")
    content = answer.content.decode()
    assert answer.status_code == 409
    assert "Osei" not in content
    assert clinician.email not in content
    assert re.search("hold|taken|another|already", content) is None
    link = Link.objects.get()
    assert (link.user, link.label) == (clinician, "Dr. Osei")
    refused = Entry.objects.get(action="link.refused")
    assert (refused.outcome, refused.actor_id) == ("refused", str(other_clinician.pk))
    assert mails(other_clinician.email) == []
    assert len(mails(clinician.email)) == 1
    assert len(mails("alerts@example.test")) == 1


def test_after_unlinking_another_account_may_connect_and_sees_no_former_label(
    service: Service, clinician: Any, other_clinician: Any, scripted: Any, token: str
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (204, {}))
    client = logged_in(clinician)
    _connect(client, token, label="Dr. Osei")
    run(CONFIRM, pk=Link.objects.get().pk)
    assert Customer.objects.get().label == "Dr. Osei"
    client.post(f"/links/{Link.objects.get().uuid}/unlink/")
    other = logged_in(other_clinician)
    answer = _connect(other, token)
    assert answer.status_code == 302
    link = Link.objects.active().get()
    assert link.user == other_clinician
    assert b"Osei" not in other.get(answer["Location"]).content
    run(CONFIRM, pk=link.pk)
    assert Customer.objects.get().label == ""
    assert b"Osei" not in other.get(answer["Location"]).content


def test_a_refused_connection_leaves_the_label_and_says_when_it_was_requested(
    service: Service, clinician: Any, other_clinician: Any, scripted: Any, token: str
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (204, {}))
    client = logged_in(clinician)
    _connect(client, token, label="Dr. Osei", institution="Harbour Clinic")
    run(CONFIRM, pk=Link.objects.get().pk)
    client.post(f"/links/{Link.objects.get().uuid}/unlink/")
    other = logged_in(other_clinician)
    address = _connect(other, token, label="Mallory")["Location"]
    link = Link.objects.active().get()
    scripted.script("POST", CONFIRMATIONS, lambda: (404, {}))
    run(CONFIRM, pk=link.pk)
    link.refresh_from_db()
    customer = Customer.objects.get()
    assert link.state == Link.State.REJECTED
    assert (customer.label, customer.institution) == ("Dr. Osei", "Harbour Clinic")
    page = other.get(address).content.decode()
    assert "Mallory" in page
    assert "<dt>Requested</dt>" in page
    assert "<dt>Connected</dt>" not in page
    assert "Osei" not in page


def test_an_account_that_connects_again_keeps_its_label(
    service: Service, clinician: Any, scripted: Any, token: str
) -> None:
    scripted.script("POST", CONFIRMATIONS, lambda: (204, {}))
    client = logged_in(clinician)
    for label in ("Dr. Osei", ""):
        _connect(client, token, label=label)
        link = Link.objects.active().get()
        run(CONFIRM, pk=link.pk)
        client.post(f"/links/{link.uuid}/unlink/")
    assert Customer.objects.get().label == "Dr. Osei"


@pytest.mark.usefixtures("one_minute")
def test_tokens_and_claims_are_limited(service: Service, clinician: Any, token: str) -> None:
    client = logged_in(clinician)
    answers = [_arrive(client, token).status_code for _ in range(TOKENS_PER_MINUTE + 1)]
    assert (answers[-2], answers[-1]) == (303, 429)
    slot = _slot(client)
    cache.clear()
    claims = [client.post(PAGE, {"slot": "nothing"}) for _ in range(CLAIMS_PER_MINUTE)]
    assert {claim.status_code for claim in claims} == {410}
    refused = client.post(PAGE, {"slot": slot})
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert not Link.objects.exists()
