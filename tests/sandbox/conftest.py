"""One service with a key, a connected customer, and one who is not connected."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from sandbox import behaviour
from sandbox.models import Customer, Service, Submission
from sandbox.seed.exams import SeedExam, available_exams
from tests.rendered import rendered_exams
from tests.sandbox.webhook import Webhook


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Migrate the few tables in place, not those of the portal."""


@pytest.fixture(scope="session")
def exams() -> dict[str, SeedExam]:
    """Every seeded exam."""
    with rendered_exams(settings.SANDBOX_DIR):
        return {each.slug: each for each in available_exams()}


@pytest.fixture
def ada(db: None) -> Customer:
    """A customer whom the service has confirmed."""
    return behaviour.add_customer(name="Dr. Ada Osei", institution="Harbour Clinic", is_confirmed=True)


@pytest.fixture
def jonas(db: None) -> Customer:
    """A customer whom nobody has connected."""
    return behaviour.add_customer(name="Dr. Jonas Lindqvist", institution="Harbour Clinic")


@pytest.fixture
def key(db: None) -> str:
    """An API key of the service."""
    return behaviour.create_key(name="tests")[1]


@pytest.fixture
def service(db: None) -> Service:
    """The service with both addresses set; nothing listens there."""
    row = Service.get()
    row.notification_url = "http://127.0.0.1:9/webhook/"
    row.token_transfer_url = "https://portal.example/connect/?token={token}&from=cloud"
    row.save()
    return row


@pytest.fixture
def submit(ada: Customer, exams: dict[str, SeedExam]) -> Callable[..., Submission]:
    """Have a customer submit an exam; by default, Ada submits the small one."""

    def send(customer: Customer = ada, exam_slug: str = "vessel-doppler", **more: Any) -> Submission:
        return behaviour.create_submission(customer=customer, exam_slug=exam_slug, **more)

    return send


@pytest.fixture
def api(key: str) -> Client:
    """A client with the service's key."""
    return Client(headers={"Authorization": f"Service-API-Key {key}"})


@pytest.fixture
def media() -> Callable[..., Any]:
    """GET at the media origin, which needs no key."""
    return partial(Client().get, SERVER_PORT=str(settings.MEDIA_PORT))


@pytest.fixture
def webhook(transactional_db: None) -> Iterator[Webhook]:
    """A webhook that listens, registered with the service."""
    hook = Webhook()
    Service.get()
    Service.objects.update(notification_url=hook.url)
    yield hook
    hook.close()
