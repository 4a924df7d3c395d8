"""A service's field map: where undocumented things stand, tried before it is kept, read without the Cloud."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from background.runner import run
from exams.models import Capture, FieldMap, Submission
from exams.services.exam_data import capture_links
from exams.services.field_map.mapping import read_moment
from exams.services.field_map.paths import InvalidPath, find_value, parse_path
from exams.services.field_map.rereading import READ_AGAIN, change_map
from integrations.clarius import DownloadData
from tests.exams.cast import Stage, add_submission
from tests.exams.desk.answers import ANSWER, PATHS, SECRET

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def answered(stage: Stage) -> Submission:
    """A submission whose answer was stored before there was a map."""
    raw = json.dumps(ANSWER)
    row = add_submission(stage.customer, raw_data=raw, data_read_at="2026-03-05T00:00:00Z")
    keys = capture_links(DownloadData.from_json(ANSWER, raw=raw))
    for place, key in enumerate(keys, start=1):
        Capture.objects.create(submission=row, position=place, source_key=key)
    return row


def url(stage: Stage, page: str = "map") -> str:
    return f"/admin/exams/fieldmap/{stage.service.pk}/{page}/"


def keep(browser: Client, stage: Stage, **changes: str) -> Any:
    """Keep the map from a page that was opened just now, or with the base that is given."""
    sent = {"base": base_of(browser.get(url(stage)))} | PATHS | {"time_zone": "UTC"}
    return browser.post(url(stage), sent | changes, follow=True)


def base_of(page: Any) -> str:
    found = re.search(r'name="base" value="([0-9]+)"', page.content.decode())
    assert found
    return found[1]


def work() -> None:
    for pk in FieldMap.objects.values_list("pk", flat=True):
        run(READ_AGAIN, pk=pk)


def test_a_kept_map_reads_the_stored_answers_again(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    keep(administrator, stage)
    answered.refresh_from_db()
    assert answered.mapped is None
    work()
    answered.refresh_from_db()
    assert answered.examined_at is not None
    assert answered.examined_at.isoformat() == "2026-03-04T08:15:00+00:00"
    assert answered.mapped == {
        "application": "Cardiac",
        "institution": "Harbour Clinic",
        "clinical_note": SECRET,
    }
    assert list(answered.captures.values_list("label", flat=True)) == ["PLAX", ""]
    assert Entry.objects.get(action="field_map.changed").target_id == str(stage.service.pk)


def test_the_exam_page_shows_what_is_mapped_and_leaves_the_rest_under_other_data(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    keep(administrator, stage)
    work()
    answer = stage.browser("reviewer").get(f"/exams/{answered.uuid}/")
    page = answer.content.decode()
    assert "04 Mar 2026, 08:15" in page and "not given by Clarius Cloud" not in page
    assert SECRET in page and "PLAX" in page
    others = dict(answer.context["other_data"])
    assert others == {
        "exam › notes 2": "second",
        "firmware": "12.1",
        "patient › clinic_number": "C-9",
    }


def test_a_map_that_is_emptied_takes_back_what_it_found(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    keep(administrator, stage)
    work()
    keep(administrator, stage, **dict.fromkeys(PATHS, ""))
    work()
    answered.refresh_from_db()
    assert (answered.examined_at, answered.mapped) == (None, None)
    assert set(answered.captures.values_list("label", flat=True)) == {""}


def test_of_two_who_map_at_once_the_second_sees_what_the_first_kept(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    base = base_of(administrator.get(url(stage)))
    assert keep(administrator, stage, base=base, operator="exam.who").status_code == 200
    version = FieldMap.objects.get().version
    mine = {"base": base, "operator": "exam.reader", "institution": ""}
    previewed = administrator.post(url(stage), PATHS | {"time_zone": "UTC", "step": "preview"} | mine)
    page = keep(administrator, stage, **mine | {"base": base_of(previewed)})
    assert page.status_code == 400
    text = html.unescape(page.content.decode())
    assert "Someone else changed this map" in text
    assert "Operator: theirs is exam.who." in text and "Institution: theirs is site.name." in text
    assert "Application: theirs" not in text and 'value="exam.reader"' in text
    assert (FieldMap.objects.get().operator, FieldMap.objects.get().version) == ("exam.who", version)
    # Now it was seen.
    assert keep(administrator, stage, **mine | {"base": base_of(page)}).status_code == 200
    assert FieldMap.objects.get().operator == "exam.reader"
    for odd in ("", "x", "-1", "9" * 20, "0"):
        assert keep(administrator, stage, base=odd, operator="exam.other").status_code == 400
    assert FieldMap.objects.get().operator == "exam.reader"


def test_a_map_that_is_sent_twice_is_kept_once(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    base = base_of(administrator.get(url(stage)))
    for _ in range(2):
        assert "The map was saved." in keep(administrator, stage, base=base).content.decode()
    assert FieldMap.objects.get().version == 1
    assert Entry.objects.filter(action="field_map.changed").count() == 1


def test_progress_is_shown_until_every_answer_was_read(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    keep(administrator, stage)
    assert "0 of 1" in administrator.get(url(stage, "progress")).content.decode()
    work()
    fragment = administrator.get(url(stage, "progress")).content.decode()
    assert "1 stored answer read again" in fragment and "hx-get" not in fragment


def test_reading_goes_on_where_a_worker_stopped(stage: Stage, answered: Submission, settings: Any) -> None:
    settings.REREAD_CHUNK = 1
    second = add_submission(stage.customer, raw_data=json.dumps(ANSWER), data_read_at="2026-03-05T00:00:00Z")
    field_map = change_map(service=stage.service, paths=PATHS, time_zone="UTC", user=None, address=None)
    FieldMap.objects.filter(pk=field_map.pk).update(cursor=answered.pk, read_count=1)
    work()
    answered.refresh_from_db(), second.refresh_from_db(), field_map.refresh_from_db()
    assert (answered.mapped, second.mapped is not None) == (None, True)
    assert (field_map.read_count, field_map.total_count) == (2, 2)


@pytest.mark.parametrize(
    ("field", "path", "told"),
    [
        ("application", "exam..preset", "Write names joined by dots"),
        ("application", "exam.notes[]", "Name one element"),
        ("application", "[0].x", "A path begins with a name"),
        ("application", "captures[0].url", "File addresses cannot be mapped."),
        ("capture_label", "exam.label", "captures[].label"),
        ("time_zone", "Mars/Olympus", "Unknown time zone."),
    ],
)
def test_a_wrong_path_is_refused_beside_its_field(
    stage: Stage, answered: Submission, administrator: Client, field: str, path: str, told: str
) -> None:
    answer = keep(administrator, stage, **{field: path})
    assert answer.status_code == 400 and told in answer.content.decode()
    assert not FieldMap.objects.exists()


def test_the_preview_shows_kinds_but_no_values_without_patient_content(
    stage: Stage, answered: Submission, administrator: Client
) -> None:
    for page in ("preview", "map"):
        sent = PATHS | {"time_zone": "UTC", "sample": str(answered.uuid), "step": "preview"}
        text = administrator.post(url(stage, page), sent).content.decode()
        assert "a date and time with its zone" in text and "1 of 2 captures have one" in text
        assert SECRET not in text and "Harbour Clinic" not in text and "PLAX" not in text
    assert SECRET not in administrator.get(url(stage)).content.decode()
    assert not FieldMap.objects.exists()
    assert not Entry.objects.filter(action="submission.viewed").exists()


def test_the_preview_shows_values_by_permission_and_records_the_view(
    stage: Stage, answered: Submission, confidant: Client
) -> None:
    sent = PATHS | {"time_zone": "UTC", "sample": str(answered.uuid)}
    text = confidant.post(url(stage, "preview"), sent).content.decode()
    assert SECRET in text and "04 Mar 2026, 08:15:00 UTC" in text and "PLAX" in text
    assert "media.example.com" not in text
    assert Entry.objects.get(action="submission.viewed").target_id == str(answered.uuid)


@pytest.mark.parametrize("role", ["anonymous", "outsider", "clinician", "reviewer"])
def test_nobody_but_an_administrator_maps(stage: Stage, answered: Submission, role: str) -> None:
    browser = stage.browser(role)
    for page in ("map", "preview", "progress"):
        assert browser.get(url(stage, page)).status_code == 302
    assert browser.post(url(stage), PATHS | {"time_zone": "UTC"}).status_code == 302
    assert not FieldMap.objects.exists()


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-03-04T10:15:00Z", "Asia/Tokyo", "2026-03-04T10:15:00+00:00"),
        ("2026-03-04 10:15", "Asia/Tokyo", "2026-03-04T01:15:00+00:00"),
        ("2026-03-04T10:15:00.123456+02:00", "UTC", "2026-03-04T08:15:00.123456+00:00"),
        ("2026-03-04", "UTC", None),
        ("04/03/2026 10:15", "UTC", None),
        ("2026-13-04T10:15:00Z", "UTC", None),
        ("0001-01-01T00:00:00+14:00", "UTC", None),
        ("", "UTC", None),
        ("9999-12-31T23:30:00Z", "UTC", None),
        ("0001-01-01T00:30:00Z", "UTC", None),
    ],
)
def test_a_moment_is_never_guessed(text: str, zone: str, expected: str | None) -> None:
    found = read_moment(text, zone=zone)
    assert (found.isoformat() if found else None) == expected


def test_a_day_without_a_time_is_shown_as_it_was_sent(stage: Stage, answered: Submission) -> None:
    raw = json.dumps(ANSWER | {"exam": {"started": "04 March"}})
    Submission.objects.filter(pk=answered.pk).update(raw_data=raw)
    change_map(service=stage.service, paths=PATHS, time_zone="UTC", user=None, address=None)
    work()
    answered.refresh_from_db()
    assert (answered.examined_at, answered.mapped["examined"]) == (None, "04 March")
    assert "04 March" in stage.browser("reviewer").get(f"/exams/{answered.uuid}/").content.decode()


@pytest.mark.parametrize("raw", ["", "[]", "null", "not json", '{"captures": 3}', '{"exam": []}'])
def test_an_odd_answer_is_read_without_harm(stage: Stage, answered: Submission, raw: str) -> None:
    Submission.objects.filter(pk=answered.pk).update(raw_data=raw)
    change_map(service=stage.service, paths=PATHS, time_zone="UTC", user=None, address=None)
    work()
    answered.refresh_from_db()
    assert answered.mapped is None
    assert FieldMap.objects.get().finished_at is not None


@pytest.mark.parametrize("raw", ['{"note": "\\ud800"}', '{"\\ud800": "x", "a": {"\\udfff\\u0000": true}}'])
def test_half_a_character_in_an_answer_breaks_no_page(
    stage: Stage, answered: Submission, confidant: Client, raw: str
) -> None:
    Submission.objects.filter(pk=answered.pk).update(raw_data=raw)
    assert confidant.get(url(stage)).status_code == 200


def test_paths_find_what_they_name() -> None:
    data = {"a": {"b c": [1, {"d": "x"}]}}
    assert find_value(data, parse_path("a.b c[1].d")) == "x"
    assert find_value(data, parse_path("a.b c[7].d")) is None
    assert find_value(data, parse_path("a.b c.d")) is None
    for wrong in ("", ".a", "a.", "a[", "a[x]", "a]b", "a..b", "[0]"):
        with pytest.raises(InvalidPath):
            parse_path(wrong)
