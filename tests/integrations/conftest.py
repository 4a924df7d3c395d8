"""A service at a scripted double of Clarius Cloud, and people."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps

from tests.around import around
from tests.integrations.scripted import ScriptedCloud
from tests.people import make_person

__all__ = ["around"]
TOKEN = "Kx9_" + "t0" * 19 + "-"


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def scripted() -> Iterator[ScriptedCloud]:
    with ScriptedCloud() as server:
        yield server


@pytest.fixture
def service(scripted: ScriptedCloud, db: None) -> Any:
    """A service whose key the double accepts."""
    made = apps.get_model("integrations", "Service").objects.create(
        slug="echo", name="Echo reading", base_url=scripted.url, is_sandbox=True
    )
    key = scripted.new_key()
    made.api_keys.create(prefix=key.partition(".")[0], secret=key, is_in_use=True)
    return made


@pytest.fixture
def clinician(db: None) -> Any:
    return make_person("clinician", first_name="Ada", last_name="Osei")


@pytest.fixture
def other_clinician(db: None) -> Any:
    return make_person("other")


@pytest.fixture
def one_minute(settings: Any) -> None:
    """Keep the minute of the limits from ending during a test."""
    settings.LIMIT_WINDOW_SECONDS = 10**9


@pytest.fixture
def mails(db: None) -> Any:
    """Return a function that lists the subjects of the queued mails for an address."""

    def subjects(recipient: str) -> list[str]:
        rows = apps.get_model("background", "OutgoingMail").objects.to(recipient)
        return list(rows.order_by("pk").values_list("subject", flat=True))

    return subjects
