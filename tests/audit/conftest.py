"""People of the audit tests."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model


@pytest.fixture
def clinician(db: None) -> Any:
    return get_user_model().objects.create_user("clinician@example.test", password="pass-word-1")


@pytest.fixture
def administrator(db: None) -> Any:
    return get_user_model().objects.create_user(
        "administrator@example.test", password="pass-word-1", is_staff=True
    )
