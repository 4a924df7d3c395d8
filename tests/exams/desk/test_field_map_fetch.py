"""A map that exists when an answer arrives is used at once, and a changed one wins over a slow reader."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exams.models import FieldMap, Submission
from exams.services import attempt, rereading
from exams.services.field_map import Mapped
from exams.services.rereading import change_map, read_again
from integrations.clarius import DownloadData
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.desk.test_field_map import PATHS

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def with_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Cloud was configured to send more with each exam."""
    real = attempt.client_for

    def client_for(**options: Any) -> Any:
        client = real(**options)
        download = client.download_data

        def extended(**details: Any) -> DownloadData:
            data = download(**details)
            raw = data.raw.rstrip().removesuffix("}") + ', "exam": {"preset": "Cardiac"}}'
            return replace(data, raw=raw)

        client.download_data = extended
        return client

    monkeypatch.setattr(attempt, "client_for", client_for)


@pytest.mark.usefixtures("with_extras")
def test_an_answer_is_read_by_the_map_when_it_arrives(portal: Portal, submit: Submit) -> None:
    keep(portal)
    row = portal.receive(submit())
    assert (row.state, row.mapped) == ("ready", {"application": "Cardiac"})


@pytest.mark.usefixtures("with_extras")
def test_reading_again_asks_the_cloud_nothing(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    row = portal.receive(submit())
    assert row.mapped is None
    before = len(cloud.calls())
    field_map = keep(portal)
    read_again(pk=field_map.pk)
    row.refresh_from_db()
    assert row.mapped == {"application": "Cardiac"}
    assert len(cloud.calls()) == before


@pytest.mark.usefixtures("with_extras")
def test_a_reader_of_a_former_map_writes_nothing(
    portal: Portal, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = portal.receive(submit())
    field_map = keep(portal)
    real = rereading.read_mapped

    def slow(**options: Any) -> Mapped:
        found = real(**options)
        # While it was reading, somebody empties the map.
        change_map(service=portal.service, paths={}, time_zone="UTC", user=None, address=None)
        return found

    monkeypatch.setattr(rereading, "read_mapped", slow)
    read_again(pk=field_map.pk)
    monkeypatch.undo()
    assert Submission.objects.get(pk=row.pk).mapped is None
    field_map.refresh_from_db()
    assert (field_map.finished_at, field_map.not_before is not None) == (None, True)
    read_again(pk=field_map.pk)
    field_map.refresh_from_db()
    assert (field_map.read_count, field_map.finished_at is not None) == (1, True)


def keep(portal: Portal) -> FieldMap:
    return change_map(service=portal.service, paths=PATHS, time_zone="UTC", user=None, address=None)
