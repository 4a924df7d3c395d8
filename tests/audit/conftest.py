"""People of the audit tests, and the permission to empty the table between transactional tests."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.audit.flush import audit_can_be_flushed

__all__ = ["audit_can_be_flushed"]


@pytest.fixture
def clinician(db: None) -> Any:
    return get_user_model().objects.create_user("clinician@example.test", password="pass-word-1")


@pytest.fixture
def administrator(db: None) -> Any:
    return get_user_model().objects.create_user(
        "administrator@example.test", password="pass-word-1", is_staff=True
    )
