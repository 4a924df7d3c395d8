"""A map that exists when an answer arrives is used at once, and a changed one wins over a slow reader."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from background.runner import run
from exams.models import FieldMap, Submission
from exams.services.field_map.rereading import READ_AGAIN, change_map
from integrations.clarius import DownloadData
from tests.around import Around, after_the_first_statement
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.desk.answers import PATHS

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def with_extras(around: Around) -> None:
    """The Cloud was configured to send more with each exam."""

    def extended(real: Any, **details: Any) -> DownloadData:
        data: DownloadData = real(**details)
        raw = data.raw.rstrip().removesuffix("}") + ', "exam": {"preset": "Cardiac"}}'
        return replace(data, raw=raw)

    around.call("download_data", extended)


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
    run(READ_AGAIN, pk=field_map.pk)
    row.refresh_from_db()
    assert row.mapped == {"application": "Cardiac"}
    assert len(cloud.calls()) == before


@pytest.mark.usefixtures("with_extras")
def test_a_reader_of_a_former_map_writes_nothing(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    field_map = keep(portal)

    def empty_the_map() -> None:
        change_map(service=portal.service, paths={}, time_zone="UTC", user=None, address=None)

    # The reader has the answer by then, and has written nothing yet.
    with after_the_first_statement("SELECT", "raw_data", act=empty_the_map):
        run(READ_AGAIN, pk=field_map.pk)
    assert Submission.objects.get(pk=row.pk).mapped is None
    field_map.refresh_from_db()
    assert (field_map.finished_at, field_map.not_before is not None) == (None, True)
    run(READ_AGAIN, pk=field_map.pk)
    field_map.refresh_from_db()
    assert (field_map.read_count, field_map.finished_at is not None) == (1, True)


def keep(portal: Portal) -> FieldMap:
    return change_map(service=portal.service, paths=PATHS, time_zone="UTC", user=None, address=None)
