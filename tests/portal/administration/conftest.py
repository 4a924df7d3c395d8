"""One row of every model, with each of its columns of time filled."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import DateField, DateTimeField

from audit.models import Entry
from integrations.models import Service
from tests.cloud import Cloud
from tests.portal.access.stage import Desk, make_desk
from tests.portal.administration.times import DAY, WHEN


@pytest.fixture
def desk(transactional_db: None, settings: Any, tmp_path: Any, cloud: Cloud, cloud_service: Service) -> Desk:
    """The stage of the administration; its superuser reads New York's clock."""
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    desk = make_desk(cloud=cloud, service=cloud_service)
    desk.stage.people["superuser"].timezone = "America/New_York"
    desk.stage.people["superuser"].save()
    for model in admin.site._registry:
        if model is not Entry:
            model._base_manager.update(**_filled(model))
    return desk


def _filled(model: Any) -> dict[str, Any]:
    columns = [each for each in model._meta.fields if isinstance(each, DateField)]
    return {each.name: WHEN if isinstance(each, DateTimeField) else DAY for each in columns}
