"""A link is pending until Clarius Cloud answers, and its state stays correct whatever happens meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from background.runner import TRIES, run
from integrations.keyring import KeyState, is_circuit_open, judge_refusal
from integrations.models import ApiKey, Customer, Link, Service
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.linking.links import check_again, link_customer, unlink
from tests.integrations.scripted import ScriptedCloud

pytestmark = pytest.mark.django_db
CALL = "services/customer-confirmations/"


@pytest.fixture
def link(service: Any, clinician: Any, token: str) -> Link:
    made = link_customer(service=service, token=token, user=clinician, address=None).link
    assert made is not None
    return made


def _work(link: Link) -> Link:
    """Run the task as if the row were due."""
    Link.objects.filter(pk=link.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    run(CONFIRM, pk=link.pk)
    return Link.objects.get(pk=link.pk)


def test_a_confirmed_link_shows_its_customer_and_makes_a_full_poll_due(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any
) -> None:
    scripted.tokens.add(token)
    assert not Customer.objects.held_by(clinician).exists()
    done = _work(link)
    assert (done.state, done.not_before, done.reason) == (Link.State.CONFIRMED, None, "")
    assert done.confirmed_at is not None
    assert list(Customer.objects.held_by(clinician)) == [link.customer]
    service = Service.objects.get()
    assert service.full_poll_due_at is not None
    assert service.not_before is not None
    assert Entry.objects.filter(action="link.confirmed", target_id=str(link.uuid)).count() == 1


def test_a_message_delivered_three_times_calls_the_cloud_once(
    link: Link, scripted: ScriptedCloud, token: str
) -> None:
    scripted.tokens.add(token)
    for _ in range(3):
        run(CONFIRM, pk=link.pk)
    assert scripted.count("POST", CALL) == 1


def test_an_unknown_customer_is_rejected_and_may_connect_again(
    link: Link, service: Any, clinician: Any, token: str
) -> None:
    done = _work(link)
    assert (done.state, done.not_before) == (Link.State.REJECTED, None)
    assert done.reason == Link.Reason.UNKNOWN
    again = link_customer(service=service, token=token, user=clinician, address=None).link
    assert again is not None
    assert again.pk != link.pk


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_link_waits_without_counted_tries_while_the_cloud_is_away(
    link: Link, scripted: ScriptedCloud, token: str, status: int
) -> None:
    scripted.script("POST", CALL, lambda: (status, {}))
    for _ in range(TRIES + 2):
        waiting = _work(link)
        assert waiting.state == Link.State.PENDING
    assert waiting.attempt_count == 0
    assert waiting.reason == Link.Reason.CLOUD_AWAY
    scripted.scripts.clear()
    scripted.tokens.add(token)
    assert _work(link).state == Link.State.CONFIRMED


@pytest.mark.parametrize("trouble", ["redirect", "blocked"])
def test_an_answer_not_about_the_customer_ends_no_pending_link(
    link: Link, scripted: ScriptedCloud, token: str, settings: Any, trouble: str
) -> None:
    allowed = settings.EGRESS_ALLOWED_NETWORKS
    _disturb(scripted, settings, trouble)
    for _ in range(TRIES + 2):
        waiting = _work(link)
        assert waiting.state == Link.State.PENDING
    assert (waiting.attempt_count, waiting.reason) == (0, Link.Reason.CLOUD_AWAY)
    assert waiting.detail
    assert waiting.not_before is not None
    scripted.scripts.clear()
    settings.EGRESS_ALLOWED_NETWORKS = allowed
    scripted.tokens.add(token)
    assert _work(link).state == Link.State.CONFIRMED


@pytest.mark.parametrize("trouble", ["redirect", "blocked", "refusal", "refused with a working key"])
def test_only_an_unknown_customer_ends_a_confirmed_link(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any, settings: Any, trouble: str
) -> None:
    scripted.tokens.add(token)
    _work(link)
    check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)
    _disturb(scripted, settings, trouble)
    for _ in range(TRIES + 2):
        assert _work(link).state == Link.State.CONFIRMED
    assert Customer.objects.held_by(clinician).exists()
    assert not Entry.objects.filter(action="link.gone").exists()


def test_a_refused_confirmed_link_is_not_confirmed_again_and_stores_the_reason(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any
) -> None:
    scripted.tokens.add(token)
    _work(link)
    check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)
    scripted.script("POST", CALL, lambda: (400, {"token": ["Invalid."]}))
    for _ in range(TRIES):
        done = _work(link)
    assert (done.state, done.not_before, done.attempt_count) == (Link.State.CONFIRMED, None, 0)
    assert done.reason == Link.Reason.NOT_ACCEPTED
    assert "Rejected 400" in done.detail
    # A person may check it again.
    scripted.scripts.clear()
    check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)
    assert _work(link).reason == ""


def test_a_worker_that_dies_each_time_ends_no_confirmed_link(
    link: Link, scripted: ScriptedCloud, token: str
) -> None:
    scripted.tokens.add(token)
    _work(link)
    Link.objects.filter(pk=link.pk).update(attempt_count=TRIES)
    done = _work(link)
    assert (done.state, done.not_before, done.reason) == (Link.State.CONFIRMED, None, "")
    assert scripted.count("POST", CALL) == 1


def _disturb(scripted: ScriptedCloud, settings: Any, trouble: str) -> None:
    answers: dict[str, tuple[int, Any]] = {
        "redirect": (302, {}),
        "refusal": (400, {"token": ["Invalid."]}),
        "refused with a working key": (403, {"detail": "no"}),
    }
    if trouble == "blocked":
        settings.EGRESS_ALLOWED_NETWORKS = ()
    else:
        scripted.script("POST", CALL, lambda: answers[trouble])


def test_the_longer_the_cloud_is_away_the_rarer_the_calls(link: Link, scripted: ScriptedCloud) -> None:
    scripted.script("POST", CALL, lambda: (503, {}))
    Link.objects.update(first_tried_at=timezone.now() - timedelta(days=2))
    waits = [(_work(link).not_before - timezone.now()).total_seconds() for _ in range(8)]
    assert max(waits) > 60
    assert max(waits) <= 1800


def test_a_definite_refusal_of_the_customer_ends_after_the_last_attempt(
    link: Link, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", CALL, lambda: (400, {"token": ["Invalid."]}))
    for _ in range(TRIES - 1):
        assert _work(link).state == Link.State.PENDING
    done = _work(link)
    assert (done.state, done.reason) == (Link.State.REJECTED, Link.Reason.NOT_ACCEPTED)


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize(
    "body",
    [
        {"detail": "This customer is already confirmed."},
        {"token": ["Customer has already been confirmed"]},
        {"code": "already_confirmed"},
    ],
)
def test_a_refusal_because_it_is_confirmed_already_counts_as_confirmed(
    link: Link, scripted: ScriptedCloud, status: int, body: Any
) -> None:
    scripted.script("POST", CALL, lambda: (status, body))
    assert _work(link).state == Link.State.CONFIRMED


def test_a_worker_that_dies_each_time_does_not_try_forever(link: Link, scripted: ScriptedCloud) -> None:
    Link.objects.filter(pk=link.pk).update(attempt_count=TRIES)
    assert _work(link).state == Link.State.REJECTED
    assert scripted.count("POST", CALL) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("was_confirmed", [False, True])
@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 503])
def test_a_link_that_is_ended_during_the_call_stays_ended_and_keeps_its_reason(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any, status: int, was_confirmed: bool
) -> None:
    if was_confirmed:
        scripted.tokens.add(token)
        _work(link)

    def end_meanwhile() -> tuple[int, Any]:
        unlink(link=link, user=clinician, address=None, reason=Link.Reason.DISPUTED)
        # This runs in a thread of the double, so its connection has to be closed here.
        connection.close()
        return status, {}

    scripted.script("POST", CALL, end_meanwhile)
    done = _work(link)
    assert (done.state, done.lease_until, done.not_before) == (Link.State.UNLINKED, None, None)
    assert (done.reason, done.detail) == (Link.Reason.DISPUTED, "")
    assert not Customer.objects.held_by(clinician).exists()


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_ended_while_the_key_is_refused_keeps_its_reason(
    link: Link, scripted: ScriptedCloud, clinician: Any
) -> None:
    def end_and_refuse() -> tuple[int, Any]:
        unlink(link=link, user=clinician, address=None)
        connection.close()
        scripted.keys.clear()
        return 403, {}

    scripted.script("POST", CALL, end_and_refuse)
    done = _work(link)
    assert Service.objects.get().circuit_opened_at is not None
    assert (done.state, done.reason, done.not_before) == (Link.State.UNLINKED, Link.Reason.BY_OWNER, None)


def test_a_link_that_is_confirmed_again_keeps_no_earlier_reason(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any
) -> None:
    scripted.tokens.add(token)
    _work(link)
    scripted.script("POST", CALL, lambda: (503, {}))
    check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)
    assert _work(link).reason == Link.Reason.CLOUD_AWAY
    scripted.scripts.clear()
    done = _work(link)
    assert (done.state, done.reason, done.detail) == (Link.State.CONFIRMED, "", "")


def test_checking_a_confirmed_link_again_finds_that_it_is_gone(
    link: Link, scripted: ScriptedCloud, token: str, clinician: Any, mails: Any
) -> None:
    scripted.tokens.add(token)
    _work(link)
    assert check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)
    assert _work(link).state == Link.State.CONFIRMED
    scripted.tokens.clear()
    done = _work(link)
    assert (done.state, done.confirmed_at is not None) == (Link.State.GONE, True)
    assert not Customer.objects.held_by(clinician).exists()
    assert mails(clinician.email)[-1] == "Your connection to Echo reading has ended"
    assert Entry.objects.get(action="link.gone").outcome == "not_found"
    assert not check_again(queryset=Link.objects.filter(pk=link.pk), user=clinician, address=None)


def test_a_paused_service_confirms_nothing_until_it_is_resumed(
    link: Link, scripted: ScriptedCloud, token: str
) -> None:
    scripted.tokens.add(token)
    Service.objects.update(is_active=False)
    assert _work(link).state == Link.State.PENDING
    assert scripted.count("POST", CALL) == 0


def test_a_refused_key_opens_the_circuit_once_and_notifies_the_administrators(
    link: Link, scripted: ScriptedCloud, settings: Any, mails: Any
) -> None:
    settings.ALERT_EMAILS = ["alerts@example.test"]
    scripted.keys.clear()
    waiting = _work(link)
    assert (waiting.state, waiting.attempt_count) == (Link.State.PENDING, 0)
    service = Service.objects.get()
    assert service.circuit_opened_at is not None
    calls = len(scripted.calls)
    _work(link)
    assert judge_refusal(service=service) != KeyState.WORKS
    assert scripted.count("POST", CALL) == 1
    assert len(scripted.calls) == calls + 1
    assert mails("alerts@example.test") == ["Clarius Cloud refuses the API key of Echo reading"]


def test_an_open_circuit_is_probed_once_a_minute_and_closes_when_a_key_works(
    service: Any, scripted: ScriptedCloud
) -> None:
    key = service.api_keys.get().secret
    scripted.keys.clear()
    assert judge_refusal(service=service) != KeyState.WORKS
    assert is_circuit_open(service=service)
    probes = scripted.count("GET", "services/settings/")
    assert is_circuit_open(service=service)
    assert scripted.count("GET", "services/settings/") == probes
    Service.objects.update(circuit_probe_at=timezone.now() - timedelta(seconds=61))
    assert is_circuit_open(service=service)
    assert scripted.count("GET", "services/settings/") == probes + 1
    scripted.keys.add(key)
    Service.objects.update(circuit_probe_at=timezone.now() - timedelta(seconds=61))
    assert not is_circuit_open(service=service)
    closed = Service.objects.get()
    assert (closed.circuit_opened_at, closed.last_error) == (None, "")


def test_another_stored_key_takes_over_when_the_one_in_use_is_revoked(
    link: Link, service: Any, scripted: ScriptedCloud, token: str
) -> None:
    scripted.tokens.add(token)
    scripted.keys.clear()
    standby = scripted.new_key()
    ApiKey.objects.create(service=service, prefix=standby.partition(".")[0], secret=standby)
    assert _work(link).state == Link.State.PENDING
    assert ApiKey.objects.get(is_in_use=True).secret == standby
    assert Service.objects.get().circuit_opened_at is None
    assert _work(link).state == Link.State.CONFIRMED


def test_a_refusal_with_a_working_key_counts_against_the_customer(
    link: Link, scripted: ScriptedCloud, service: Any
) -> None:
    scripted.script("POST", CALL, lambda: (403, {"detail": "no"}))
    assert judge_refusal(service=service) == KeyState.WORKS
    assert _work(link).attempt_count == 1
    assert Service.objects.get().circuit_opened_at is None


def test_nothing_is_concluded_about_the_key_while_the_cloud_fails(
    service: Any, scripted: ScriptedCloud
) -> None:
    scripted.script("GET", "services/settings/", lambda: (500, {}))
    assert judge_refusal(service=service) != KeyState.WORKS
    assert Service.objects.get().circuit_opened_at is None


def test_a_key_that_cannot_be_decrypted_is_skipped(
    link: Link, service: Any, scripted: ScriptedCloud, token: str, settings: Any
) -> None:
    scripted.tokens.add(token)
    former = list(settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    standby = scripted.new_key()
    ApiKey.objects.create(service=service, prefix="standby1", secret=standby)
    assert judge_refusal(service=service) != KeyState.WORKS
    settings.FIELD_ENCRYPTION_KEYS = former
    assert ApiKey.objects.defer("secret").get(is_in_use=True).prefix == "standby1"
