"""A notification is only a claim: the Cloud is asked about its customer before anything is believed."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from exams.models import Patient, Submission
from exams.services.intake import confirmation
from exams.services.intake.confirmation import PARALLEL
from exams.services.intake.notifications import store_notification
from exams.services.maintenance.actions import GIVE_UP
from integrations.models import ApiKey, Customer, Service
from tests.cloud import Cloud, CloudCustomer, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago, from_now, make_customer, new_token

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def notify(portal: Portal) -> Callable[..., Submission]:
    """Return a function that stores a notification for a customer and a request."""

    def take(*, token: str, request_uuid: str | None = None) -> Submission:
        key = uuid.UUID(request_uuid) if request_uuid else uuid.uuid4()
        store_notification(service_id=portal.service.pk, request_uuid=key, customer_id=token)
        return Submission.objects.get(request_uuid=key)

    return take


Notify = Callable[..., Submission]


def test_a_true_notification_is_confirmed_and_fetched_at_once(
    portal: Portal, submit: Submit, notify: Notify
) -> None:
    sent = submit()
    notify(token=sent.customer_id, request_uuid=sent.request_uuid)
    portal.work()
    row = portal.row(sent)
    assert row.state == "ready"
    assert row.notified_at is not None
    assert row.polled_at is not None


def test_one_call_confirms_every_notification_of_a_customer(
    portal: Portal, submit: Submit, notify: Notify, cloud: Cloud
) -> None:
    sent = [submit(capture_count=1) for _ in range(3)]
    for each in sent:
        notify(token=each.customer_id, request_uuid=each.request_uuid)
    portal.work()
    assert {portal.row(each).state for each in sent} == {"ready"}
    assert len(cloud.calls(path="/accessible/")) == 1


def test_a_customer_is_asked_about_once_in_fifteen_seconds(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    for _ in range(20):
        notify(token=clinician.token)
    for _ in range(3):
        portal.work()
    assert len(cloud.calls(path="/accessible/")) == 1
    waiting = Submission.objects.filter(state="held", hold_reason="unconfirmed")
    assert waiting.filter(not_before__gt=timezone.now(), attempt_count=0).count() == 20


def test_a_forged_notification_shows_and_fetches_nothing(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    made_up = notify(token=clinician.token)
    portal.work()
    made_up.refresh_from_db()
    assert (made_up.state, made_up.hold_reason, made_up.customer) == ("held", "unconfirmed", None)
    assert cloud.calls(path="/data/") == []
    assert not Submission.objects.visible().exists()


def test_a_notification_that_names_another_customer_is_not_believed(
    portal: Portal, clinician: CloudCustomer, submit: Submit, notify: Notify, cloud: Cloud
) -> None:
    colleague = cloud.add_customer(name="Dr. Jonas Lindqvist", is_confirmed=True)
    theirs = submit(customer=colleague)
    notify(token=clinician.token, request_uuid=theirs.request_uuid)
    portal.work()
    assert portal.row(theirs).customer is None
    portal.poll()
    row = portal.row(theirs)
    assert (row.hold_reason, row.customer.token) == ("unlinked", colleague.token)


def test_a_notification_for_an_unknown_customer_makes_no_call(
    portal: Portal, notify: Notify, cloud: Cloud
) -> None:
    stranger = notify(token=new_token())
    portal.work()
    stranger.refresh_from_db()
    assert (stranger.hold_reason, stranger.not_before) == ("unlinked", None)
    assert cloud.calls() == []


def test_an_unavailable_cloud_costs_an_unconfirmed_notification_no_attempt(
    portal: Portal, submit: Submit, notify: Notify, cloud: Cloud
) -> None:
    sent = submit()
    notify(token=sent.customer_id, request_uuid=sent.request_uuid)
    cloud.fault(match="accessible", kind="status", status=503, times=9)
    portal.work()
    row = portal.row(sent)
    assert (row.hold_reason, row.attempt_count) == ("unconfirmed", 0)
    assert row.not_before > timezone.now()
    cloud.clear_faults()
    portal.make_due()
    portal.work()
    assert portal.row(sent).state == "ready"


def test_a_notification_that_is_not_confirmed_for_a_day_is_left_to_polling(
    portal: Portal, clinician: CloudCustomer, notify: Notify
) -> None:
    made_up = notify(token=clinician.token)
    Submission.objects.update(not_ready_since=ago(hours=25))
    portal.work()
    made_up.refresh_from_db()
    assert (made_up.hold_reason, made_up.not_before) == ("unconfirmed", None)


def test_a_customer_whose_list_alone_is_refused_is_asked_about_less_and_less_often_for_a_day(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    refused = notify(token=clinician.token)
    # The key itself works: only this customer's list is refused.
    cloud.fault(match="accessible", kind="status", status=403, times=9)
    portal.work()
    refused.refresh_from_db()
    assert refused.failure_reason == "customer_refused"
    assert refused.failure_detail.startswith("KeyRefused")
    assert not Service.objects.filter(circuit_opened_at__isnull=False).exists()
    Submission.objects.update(not_ready_since=ago(hours=2))
    portal.make_due()
    portal.work()
    refused.refresh_from_db()
    assert refused.not_before > from_now(minutes=14)
    Submission.objects.update(not_ready_since=ago(hours=25))
    portal.make_due()
    portal.work()
    refused.refresh_from_db()
    assert (refused.hold_reason, refused.not_before) == ("unconfirmed", None)
    assert refused.failure_reason == "customer_refused"
    assert len(cloud.calls(path="/accessible/")) == 3


def test_a_notification_that_was_given_up_is_not_asked_for_again(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    made_up = notify(token=clinician.token)
    portal.work()
    asked = len(cloud.calls(path="/accessible/"))
    rows = Submission.objects.filter(pk=made_up.pk)
    assert GIVE_UP.service(queryset=rows, user=None, address=None) == 1
    portal.make_due()
    portal.work()
    assert len(cloud.calls(path="/accessible/")) == asked == 1
    made_up.refresh_from_db()
    assert (made_up.state, made_up.not_before) == ("held", None)


def test_a_refusal_with_a_key_of_unknown_state_is_retried_less_and_less_often(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    refused = notify(token=clinician.token)
    cloud.fault(match="accessible", kind="status", status=403, times=9)
    cloud.fault(match="settings", kind="status", status=503, times=9)
    Submission.objects.update(not_ready_since=ago(hours=2))
    portal.work()
    refused.refresh_from_db()
    assert refused.not_before > from_now(minutes=14)
    assert refused.failure_reason == "key_unknown"


def test_a_notification_waits_for_a_working_key_however_long_it_takes(
    portal: Portal, submit: Submit, notify: Notify, cloud: Cloud
) -> None:
    sent = submit()
    notify(token=sent.customer_id, request_uuid=sent.request_uuid)
    Submission.objects.update(not_ready_since=ago(hours=25))
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    portal.work()
    row = portal.row(sent)
    assert row.hold_reason == "unconfirmed"
    # One to three minutes, like everything of a service whose key is refused.
    assert from_now(seconds=50) < row.not_before < from_now(seconds=190)


def test_a_notification_that_three_full_passes_over_a_day_do_not_list_is_held_and_finally_deleted(
    portal: Portal, submit: Submit, notify: Notify
) -> None:
    submit(capture_count=1)
    made_up = notify(token=new_token())
    for _ in range(4):
        portal.poll(is_full=True)
    made_up.refresh_from_db()
    # Four passes, but not over a day.
    assert (made_up.hold_reason, made_up.missed_pass_count) == ("unconfirmed", 4)
    Submission.objects.filter(pk=made_up.pk).update(received_at=ago(hours=25), missed_pass_count=1)
    portal.poll(is_full=True)
    portal.poll(is_full=True)
    made_up.refresh_from_db()
    assert (made_up.state, made_up.hold_reason, made_up.not_before) == ("held", "not_listed", None)
    Submission.objects.filter(pk=made_up.pk).update(received_at=ago(days=31))
    portal.poll(is_full=True)
    assert not Submission.objects.filter(pk=made_up.pk).exists()
    assert Submission.objects.count() == 1


def test_an_empty_list_by_mistake_changes_nothing(
    portal: Portal, submit: Submit, notify: Notify, cloud: Cloud
) -> None:
    sent = submit(capture_count=1)
    portal.receive(sent)
    waiting = notify(token=new_token())
    cloud.fault(match="accessible", kind="empty_list", times=3)
    for _ in range(3):
        portal.poll(is_full=True)
    waiting.refresh_from_db()
    assert waiting.missed_pass_count == 0
    assert portal.row(sent).state == "ready"


def test_at_most_four_customers_are_asked_about_at_a_time(
    portal: Portal, notify: Notify, cloud: Cloud
) -> None:
    waiting = [notify(token=make_customer(portal.service).token) for _ in range(PARALLEL + 1)]
    busy, last = waiting[:-1], waiting[-1]
    # Other workers lease these at the moment.
    Submission.objects.filter(pk__in=[each.pk for each in busy]).update(lease_until=from_now(minutes=1))
    portal.work()
    assert cloud.calls() == []
    last.refresh_from_db()
    assert (last.hold_reason, last.attempt_count) == ("unconfirmed", 0)
    assert last.not_before > timezone.now()
    Submission.objects.update(lease_until=None)
    portal.make_due()
    portal.work()
    assert Customer.objects.filter(asked_at=None).count() == 0


def test_a_thousand_forged_notifications_show_fetch_and_ask_nothing(
    portal: Portal, clinician: CloudCustomer, notify: Notify, cloud: Cloud
) -> None:
    for number in range(1000):
        notify(token=clinician.token if number < 20 else new_token())
    portal.work()
    assert not Submission.objects.visible().exists()
    assert not Patient.objects.exists()
    assert len(cloud.calls(path="/accessible/")) == 1
    assert cloud.calls(path="/data/") == []


def test_notifications_above_the_limit_are_deleted_once_a_full_pass_did_not_list_them(
    portal: Portal, submit: Submit, notify: Notify, settings: Any
) -> None:
    settings.UNCONFIRMED_LIMIT, settings.PURGE_BATCH = 5, 2
    sent = submit(capture_count=1)
    portal.poll(is_full=True)
    true = submit(capture_count=1)
    made_up = [notify(token=new_token()) for _ in range(8)]
    notify(token=true.customer_id, request_uuid=true.request_uuid)
    portal.poll(is_full=True)
    left = set(Submission.objects.filter(customer=None).values_list("pk", flat=True))
    assert left == {each.pk for each in made_up[-5:]}
    assert {portal.row(each).customer is None for each in (sent, true)} == {False}
    # Those that came after the last full pass may be true: they stay, and make the next pass due.
    for _ in range(4):
        notify(token=new_token())
    Submission.objects.filter(customer=None).update(missed_pass_count=0)
    Service.objects.update(full_poll_due_at=from_now(hours=24))
    assert confirmation.cap_unconfirmed(service=portal.service) == 0
    assert Submission.objects.filter(customer=None).count() == 9
    assert Service.objects.get(pk=portal.service.pk).full_poll_due_at <= timezone.now()
