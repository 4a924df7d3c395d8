"""A service to connect to, and the codes that sign-up needs."""

import json
import re
from typing import Any

import pytest

from background.models import OutgoingMail
from integrations.models import Service
from portal.models import CacheRow
from tests.exams.rows import ago
from tests.people import make_person


@pytest.fixture
def service(db: None) -> Service:
    return Service.objects.create(
        slug="echo", name="Echo reading", base_url="http://127.0.0.1:9", is_sandbox=True
    )


@pytest.fixture
def code(db: None) -> Any:
    """Return a function that reads the code out of the newest mail to an address."""

    def read(recipient: str) -> str:
        body = OutgoingMail.objects.to(recipient).latest("pk").body
        found = re.search(r"^([A-Z0-9-]{6,12})$", body, re.MULTILINE)
        assert found, body
        return found[1]

    return read


@pytest.fixture
def administrator(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


@pytest.fixture
def superuser(db: None) -> Any:
    return make_person("superuser", is_staff=True, is_superuser=True)


@pytest.fixture
def let_time_pass(db: None) -> Any:
    """Return a function that ends every wait, and keeps what was counted."""

    def end_waits() -> None:
        # A wait is the one value that is a time; counters are whole numbers.
        for row in CacheRow.objects.all():
            if isinstance(json.loads(row.value), float):
                CacheRow.objects.filter(pk=row.pk).update(expires_at=ago(seconds=1))

    return end_waits
