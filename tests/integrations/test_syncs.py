"""Each of the Cloud's lists has a row that workers read daily, whatever happens to the Cloud."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Entry
from background.runner import jobs, run
from integrations.models import AnnotationSnapshot, Application, NotificationRecord, Service, Sync
from integrations.services.setup import Wishes, connect
from integrations.services.sync import READ, find_sync, make_syncs, read_now
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
APPLICATIONS = Sync.Kind.APPLICATIONS


def test_a_connected_service_has_each_of_its_lists_read_soon(scripted: Any) -> None:
    connect(wishes=Wishes(slug="echo", base_url=scripted.url, key=scripted.new_key()))
    kinds = set(Sync.objects.filter(not_before__isnull=False).values_list("kind", flat=True))
    assert kinds == set(Sync.Kind.values)
    make_syncs(service=Service.objects.get())
    assert Sync.objects.count() == len(kinds)


def test_the_dispatchers_task_reads_a_due_list_once(scripted: Any, service: Service) -> None:
    assert "integrations.run_sync" in {job.name for job in jobs() if job.model is Sync}
    listed = [{"uuid": "2e79155f-811c-4d29-9b49-807b20013518", "name": "Cardiac"}]
    scripted.script("GET", "exams/applications/", lambda: (200, listed))
    scripted.script("GET", "services/applications/", lambda: (200, []))
    sync = find_sync(service=service, kind=APPLICATIONS)
    Sync.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    for _ in range(3):
        run(READ, pk=sync.pk)
    assert scripted.count("GET", "exams/applications/") == 1
    sync.refresh_from_db()
    assert (sync.result, sync.problem) == ("1 application, 0 customized", "")
    assert sync.not_before is not None
    assert sync.not_before > timezone.now() + timedelta(hours=23)


def test_a_list_that_another_worker_reads_is_not_read_twice(scripted: Any, service: Service) -> None:
    sync = find_sync(service=service, kind=APPLICATIONS)
    Sync.objects.filter(pk=sync.pk).update(lease_until=timezone.now() + timedelta(minutes=1))
    assert read_now(service=service, kind=APPLICATIONS) is None
    assert scripted.calls == []


def test_a_refused_key_waits_without_counting_attempts(scripted: Any, service: Service) -> None:
    scripted.keys.clear()
    sync = read_now(service=service, kind=APPLICATIONS)
    assert sync is not None
    assert (sync.attempt_count, sync.read_at) == (0, None)
    assert "refuses every stored API key" in sync.problem
    assert Service.objects.get().circuit_opened_at is not None


def test_how_long_the_cloud_asks_to_wait_is_honoured(cloud: Any, cloud_service: Service) -> None:
    cloud.fault(match="applications", kind="status", status=429, headers={"Retry-After": "900"}, times=9)
    before = timezone.now()
    sync = read_now(service=cloud_service, kind=APPLICATIONS)
    assert sync is not None
    assert sync.not_before is not None
    assert sync.not_before >= before + timedelta(seconds=890)


def test_a_paused_service_is_not_called(scripted: Any, service: Service) -> None:
    Service.objects.update(is_active=False)
    assert read_now(service=service, kind=APPLICATIONS) is not None
    assert scripted.calls == []


def test_the_panel_shows_a_paused_service_as_paused(service: Service) -> None:
    client = logged_in(make_person("administrator", "Administrators", is_staff=True))
    find_sync(service=service, kind=Sync.Kind.CUSTOMERS)
    Service.objects.update(is_active=False)
    page = client.get("/admin/integrations/customer/").content.decode()
    assert "Echo reading" in page
    assert "Paused. Nothing is read." in page
    for words in ("No services are connected.", "Waiting for a worker.", "Read again"):
        assert words not in page
    again = {"service": service.pk}
    text = client.post("/admin/integrations/customer/read-again/", again, follow=True).content.decode()
    assert "Echo reading is paused. Resume it first." in text
    assert not Entry.objects.filter(action="sync.requested").exists()


def test_who_may_open_the_pages_of_the_lists(service: Service) -> None:
    now = timezone.now()
    application = Application.objects.create(
        service=service, remote_uuid="2e79155f-811c-4d29-9b49-807b20013518", name="Cardiac", read_at=now
    )
    snapshot = AnnotationSnapshot.objects.create(application=application, is_customized=False, taken_at=now)
    record = NotificationRecord.objects.create(
        service=service, fingerprint="f", logged_at=now, sent_at=now, outcome="unclear", read_at=now
    )
    administrator = logged_in(make_person("administrator", "Administrators", is_staff=True))
    bare = logged_in(make_person("bare", is_staff=True))
    reviewer = logged_in(make_person("reviewer", "Reviewers"))
    superuser = logged_in(make_person("superuser", is_staff=True, is_superuser=True))
    rows = {"application": application, "annotationsnapshot": snapshot, "notificationrecord": record}
    for name, row in rows.items():
        root = f"/admin/integrations/{name}/"
        for page in (root, f"{root}{row.pk}/change/"):
            assert Client().get(page).status_code == 302
            assert reviewer.get(page).status_code == 302
            assert bare.get(page).status_code == 403
            assert administrator.get(page).status_code == 200
        assert superuser.get(f"{root}add/").status_code == 403
        assert superuser.post(f"{root}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def _write_sizes(queries: CaptureQueriesContext) -> list[int]:
    """Return the count of statements of each transaction that wrote applications."""
    sizes, current, wrote = [], 0, False
    for query in queries.captured_queries:
        sql = query["sql"].upper()
        if sql.startswith("BEGIN"):
            current, wrote = 0, False
        elif sql.startswith("COMMIT"):
            sizes += [current] if wrote else []
        else:
            current += 1
            wrote |= "INTEGRATIONS_APPLICATION" in sql and not sql.startswith("SELECT")
    return sizes


@pytest.mark.django_db(transaction=True)
def test_many_applications_are_written_in_short_transactions(scripted: Any, service: Service) -> None:
    listed = [{"uuid": str(UUID(int=number)), "name": f"Preset {number}"} for number in range(1, 5001)]
    scripted.script("GET", "exams/applications/", lambda: (200, listed))
    scripted.script("GET", "services/applications/", lambda: (200, []))
    for changes in ({}, {"name": "renamed"}):
        listed[:] = [each | changes for each in listed]
        with CaptureQueriesContext(connection) as queries:
            sync = read_now(service=service, kind=APPLICATIONS)
        assert sync is not None
        assert sync.result == "5000 applications, 0 customized"
        assert set(Application.objects.values_list("name", flat=True)) == {each["name"] for each in listed}
        sizes = _write_sizes(queries)
        assert len(sizes) >= 10
        assert max(sizes) < 20
