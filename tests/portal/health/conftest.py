"""A portal without problems, until a test causes one."""

from typing import Any

import pytest
from django.utils import timezone

from background.models import Heartbeat
from integrations.models import ApiKey, Service
from tests.cloud import Cloud
from tests.exams.cast import Stage, make_stage


@pytest.fixture
def stage(db: None, settings: Any) -> Stage:
    """A portal without problems."""
    settings.MIN_FREE_MB = 0
    return _without_problems(make_stage())


@pytest.fixture
def stage_of_cloud(transactional_db: None, settings: Any, cloud: Cloud, cloud_service: Service) -> Stage:
    """The same, with a service at a running Cloud."""
    settings.MIN_FREE_MB = 0
    return _without_problems(
        make_stage(service=cloud_service, token=cloud.add_customer(is_confirmed=True).token)
    )


def _without_problems(stage: Stage) -> Stage:
    now = timezone.now()
    Service.objects.update(polled_at=now, full_polled_at=now, is_registered=True)
    if not ApiKey.objects.exists():
        ApiKey.objects.create(service=stage.service, prefix="abcdefgh", secret="x", is_in_use=True)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="here", pid=7, seen_at=now)
    return stage
