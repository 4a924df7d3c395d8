"""Fixtures for every test. It imports no models, since the sandbox's test run uses it too."""

import pytest

from tests.cloud import cloud, cloud_process, cloud_service
from tests.e2e.chromium import browser
from tests.flush import django_db_setup
from tests.migrated import begin_run, django_db_modify_db_settings, end_run
from tests.order import put_the_longest_first

__all__ = [
    "browser",
    "cloud",
    "cloud_process",
    "cloud_service",
    "django_db_modify_db_settings",
    "django_db_setup",
]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    put_the_longest_first(items)
