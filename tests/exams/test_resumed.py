"""When a service resumes, everything that waited for it is due at once, and nothing of other services."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from background.due import from_now
from integrations import keyring
from integrations.models import Link, Service
from integrations.services.settings.pausing_and_polling import pause_service, resume_service
from tests.exams.rows import in_parallel, link, make_customer, make_service, make_submission
from tests.people import make_person

pytestmark = pytest.mark.django_db


def _resume(service: Service) -> None:
    user = make_person("administrator", is_staff=True)
    pause_service(service=service, user=user, address=None)
    assert resume_service(service=service, user=user, address=None)


def _accept_key(service: Service) -> None:
    Service.objects.filter(pk=service.pk).update(circuit_opened_at=timezone.now())
    keyring.close_circuit(service=service)


@pytest.mark.parametrize("go_on", [_resume, _accept_key])
def test_everything_that_waits_for_a_service_is_due_when_it_resumes(go_on: Callable[[Service], None]) -> None:
    waiting = []
    for service in (make_service(), make_service(slug="other")):
        customer = make_customer(service, is_linked=False)
        waiting.append((link(customer), make_submission(customer, state="queued")))
    for row in (each for rows in waiting for each in rows):
        type(row)._base_manager.filter(pk=row.pk).update(not_before=timezone.now() + timedelta(hours=3))
    go_on(Service.objects.get(slug="echo"))
    for mine in waiting[0]:
        due = type(mine)._base_manager.filter(not_before__lte=from_now())
        assert list(due) == [mine]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no single rows")
def test_a_row_that_someone_else_is_changing_delays_no_other() -> None:
    service = make_service()
    rows = [link(make_customer(service, is_linked=False)) for _ in range(2)]
    Link.objects.update(not_before=timezone.now() + timedelta(hours=3))

    def go_on() -> None:
        with connection.cursor() as cursor:
            # A statement that waited for the changed row would never return.
            cursor.execute("SET lock_timeout = '5s'")
        _accept_key(service)

    with transaction.atomic():
        Link.objects.select_for_update().get(pk=rows[0].pk)
        assert in_parallel(1, go_on) == [None]
    assert list(Link.objects.filter(not_before__lte=from_now())) == rows[1:]
