"""The desk before everybody who may ask."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.models import Service
from tests.cloud import Cloud
from tests.portal.access.stage import Desk, make_desk


@pytest.fixture
def desk(db: None, settings: Any, tmp_path: Any, cloud: Cloud, cloud_service: Service) -> Iterator[Desk]:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    # A thousand refusals would each be told with a traceback.
    logging.disable(logging.CRITICAL)
    yield make_desk(cloud=cloud, service=cloud_service)
    logging.disable(logging.NOTSET)
