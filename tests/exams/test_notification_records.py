"""The admin compares sent notifications with those that arrived, and imports missing exams."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.runner import run
from exams.models import Submission
from exams.services.intake.polling import POLL
from exams.services.intake.statistics import count_deliveries, days_of
from integrations.keyring import client_for
from integrations.models import Link, NotificationRecord, Service, Sync
from integrations.services.linking.links import link_customer
from integrations.services.sync import read_now
from tests.exams.rows import make_customer
from tests.people import logged_in, make_person
from tests.processes import wait_for

pytestmark = pytest.mark.django_db
LIST = "/admin/integrations/notificationrecord/"


@pytest.fixture
def client(db: None) -> Client:
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


@pytest.fixture
def service(db: None) -> Service:
    return Service.objects.create(slug="echo", name="Echo reading", base_url="http://127.0.0.1:1")


def _record(service: Service, *, at: datetime | None = None, **changes: Any) -> NotificationRecord:
    sent = at or timezone.now() - timedelta(hours=1)
    values = {
        "fingerprint": uuid.uuid4().hex,
        "sent_at": sent,
        "logged_at": sent,
        "latency_ms": 250,
        "outcome": "answered",
        "status": 204,
        "url": "https://portal.example/webhooks/clarius/echo/••••••••/",
        "is_ours": True,
        "method": "POST",
        "content": "{}",
        "request_uuid": uuid.uuid4(),
        "read_at": sent,
    } | changes
    return NotificationRecord.objects.create(service=service, **values)


def _submission(service: Service, record: NotificationRecord, **changes: Any) -> Submission:
    values = {"state": "ready", "received_at": timezone.now()} | changes
    return Submission.objects.create(service=service, request_uuid=record.request_uuid, **values)


@pytest.fixture
def records(service: Service) -> dict[str, NotificationRecord]:
    made = {name: _record(service) for name in ("arrived", "polled", "missed")}
    made["unreadable"] = _record(service, request_uuid=None, outcome="failed", content="<no json>")
    _submission(service, made["arrived"], notified_at=timezone.now())
    _submission(service, made["polled"])
    return made


def test_records_are_joined_to_submissions_by_their_request(
    client: Client, service: Service, records: dict[str, NotificationRecord]
) -> None:
    other = Service.objects.create(slug="other", name="Other", base_url="http://127.0.0.1:1")
    _submission(other, records["missed"], notified_at=timezone.now())
    counts = count_deliveries(NotificationRecord.objects.all())
    assert counts == {"answered": 3, "failed": 1, "unclear": 0, "never_arrived": 2, "missed": 1}
    expected = {"arrived": 1, "polled": 1, "missed": 1, "unreadable": 1, "never": 2}
    for name, count in expected.items():
        page = client.get(LIST, {"delivery": name})
        assert page.context["cl"].result_count == count
    text = client.get(LIST, {"delivery": "never"}).content.decode()
    assert str(records["polled"].request_uuid) in text
    assert str(records["arrived"].request_uuid) not in text


def test_a_record_that_cannot_be_parsed_is_shown_as_it_is(
    client: Client, records: dict[str, NotificationRecord]
) -> None:
    page = client.get(f"{LIST}{records['unreadable'].pk}/change/")
    assert "&lt;no json&gt;" in page.content.decode()


def test_days_tell_failures_and_latency(service: Service) -> None:
    now = timezone.now()
    _record(service, at=now, latency_ms=100)
    _record(service, at=now, latency_ms=300, outcome="failed", status=None)
    _record(service, at=now - timedelta(days=2), latency_ms=4895, outcome="unclear", status=None)
    first, silent, late = days_of(NotificationRecord.objects.all())
    # A record without answer or error did not fail, and a day without records is shown.
    assert (first.answered, first.failed, first.unclear, first.slowest_ms) == (0, 0, 1, 4895)
    assert (silent.count, silent.slowest_ms) == (0, 0)
    assert (late.answered, late.failed, late.mean_ms, late.slowest_ms) == (1, 1, 200, 300)
    assert (late.count, late.never_arrived) == (2, 2)


def test_the_list_draws_its_charts_without_a_script(client: Client, service: Service) -> None:
    _record(service, latency_ms=4900, outcome="failed")
    text = client.get(LIST).content.decode()
    day = f"{timezone.now() - timedelta(hours=1):%d %b %Y}"
    assert f"<title>{day}: 1 failed</title>" in text
    assert f"<title>{day}: 4.90 s slowest</title>" in text
    assert 'role="img"' in text


def test_one_click_takes_in_what_was_missed(cloud: Any, cloud_service: Service, client: Client) -> None:
    clinician = make_person("clinician")
    customer = cloud.add_customer(is_confirmed=True)
    link_customer(service=cloud_service, token=customer.token, user=clinician, address=None)
    Link.objects.update(state=Link.State.CONFIRMED, confirmed_at=timezone.now(), not_before=None)
    # Nothing listens there.
    _point_to_nobody(cloud, cloud_service)
    sent = cloud.submit(customer=customer, exam="pelvis")

    def is_logged() -> bool:
        read_now(service=cloud_service, kind=Sync.Kind.RECORDS)
        return NotificationRecord.objects.exists()

    wait_for(is_logged, what="The record")
    record = NotificationRecord.objects.get()
    assert (str(record.request_uuid), record.outcome) == (sent.request_uuid, "failed")
    assert "Import missed submissions" in client.get(LIST).content.decode()
    page = client.post(f"{LIST}take-in/", follow=True)
    assert "Echo reading" in page.content.decode()
    assert Entry.objects.filter(action="records.taken_in").count() == 1
    run(POLL, pk=cloud_service.pk)
    assert str(Submission.objects.get().request_uuid) == sent.request_uuid
    assert "Import missed submissions" not in client.get(LIST).content.decode()
    again = client.post(f"{LIST}take-in/", follow=True)
    assert "Nothing is missing" in again.content.decode()


def _point_to_nobody(cloud: Any, service: Service) -> None:
    with client_for(service=service) as api:
        api.update_settings(notification_url="http://127.0.0.1:9/webhooks/clarius/echo/nobody/")


def test_held_submissions_of_selected_records_are_resumed(
    client: Client, records: dict[str, NotificationRecord], service: Service
) -> None:
    customer = link_customer(
        service=service, token="T" * 43, user=make_person("clinician"), address=None
    ).link.customer  # type: ignore[union-attr]
    held = Submission.objects.get(request_uuid=records["polled"].request_uuid)
    Submission.objects.filter(pk=held.pk).update(state="held", hold_reason="before_start", customer=customer)
    data = {"action": "resume", "_selected_action": [each.pk for each in records.values()]}
    asked = client.post(LIST, data).content.decode()
    held.refresh_from_db()
    assert "Resume held submissions?" in asked and "1 selected" in asked
    assert held.state == "held"
    page = client.post(LIST, data | {"confirmed": "yes"}, follow=True).content.decode()
    held.refresh_from_db()
    assert "1 of 1 submissions were resumed" in page
    assert held.state == "received"
    assert Entry.objects.get(action="submission.resume").identifiers["done"] == "1"
    assert (
        "the selected rows have no submissions that allow it"
        in client.post(LIST, data, follow=True).content.decode()
    )


def test_one_step_resumes_a_bounded_number_and_a_repeated_one_the_rest(
    client: Client, service: Service, settings: Any
) -> None:
    settings.BULK_LIMIT = 2
    customer = make_customer(service)
    made = [_record(service) for _ in range(3)]
    for each in made:
        _submission(service, each, state="held", hold_reason="before_start", customer=customer)
    data = {"action": "resume", "_selected_action": [each.pk for each in made], "confirmed": "yes"}
    page = client.post(LIST, data, follow=True).content.decode()
    assert "One step takes at most 2. Repeat it for the rest." in page
    assert Submission.objects.filter(state="held").count() == 1
    client.post(LIST, data)
    assert not Submission.objects.filter(state="held").exists()


def test_only_some_roles_may_see_records_and_import(records: dict[str, NotificationRecord]) -> None:
    assert Client().get(LIST).status_code == 302
    bare = logged_in(make_person("bare", is_staff=True))
    assert bare.get(LIST).status_code == 403
    assert bare.post(f"{LIST}take-in/").status_code == 403
    watcher = make_person("watcher", is_staff=True)
    permissions = NotificationRecord._meta.apps.get_model("auth", "Permission").objects
    watcher.user_permissions.add(permissions.get(codename="view_notificationrecord"))
    eyes = logged_in(watcher)
    assert eyes.get(LIST).status_code == 200
    assert "Read again" not in eyes.get(LIST).content.decode()
    assert eyes.post(f"{LIST}take-in/").status_code == 403
    assert eyes.post(f"{LIST}read-again/", {"service": 1}).status_code == 403
    assert not Entry.objects.filter(action__in=["records.taken_in", "sync.requested"]).exists()
