"""Who saw a patient is in the audit log, also for whole lists; reading the log is in it too."""

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.entries import add_entry
from audit.models import Entry, ShownPatient
from exams import storage
from exams.models import Capture, Patient
from exams.services.review.identity import split_patient
from tests.exams.cast import Stage, add_report, add_submission, make_stage
from tests.exams.rows import make_customer

pytestmark = pytest.mark.django_db
LOG = "/admin/audit/entry/"


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT = tmp_path / "media"
    made = make_stage()
    if made.submission.patient is None:
        made.submission.patient = Patient.objects.create(customer=made.customer, last_name="Zebrowska")
        made.submission.save(update_fields=["patient"])
    return made


def _other_patient(stage: Stage) -> Patient:
    patient = Patient.objects.create(customer=stage.customer, last_name="Yilmaz")
    add_submission(stage.customer, patient=patient)
    return patient


def _who_saw(stage: Stage, patient: Any, role: str = "administrator") -> set[tuple[str, str]]:
    """Return who did what, as the log filtered by the patient shows it."""
    listed = stage.browser(role).get(LOG, {"patient": str(patient.uuid)}).context["cl"].result_list
    people = {str(person.pk): name for name, person in stage.people.items()}
    return {(people.get(each.actor_id, ""), each.action) for each in listed}


def test_a_list_records_the_patients_that_it_showed_in_one_row(stage: Stage) -> None:
    other = _other_patient(stage)
    hidden = Patient.objects.create(customer=make_customer(stage.service), last_name="Hidden")
    browser = stage.browser("reviewer")
    with CaptureQueriesContext(connection) as seen:
        browser.get("/worklist/")
    written = [each for each in seen if each["sql"].startswith('INSERT INTO "audit_')]
    assert len(written) == 1
    entry = Entry.objects.get(action="worklist.viewed")
    shown = {str(stage.submission.patient.uuid), str(other.uuid)}
    assert set(entry.identifiers["patients"]) == shown
    stage.browser("clinician").get("/my/")
    assert _who_saw(stage, other) == {("reviewer", "worklist.viewed"), ("clinician", "own_exams.viewed")}
    assert _who_saw(stage, hidden) == set()


def test_the_first_page_of_a_clinician_records_them_too(stage: Stage) -> None:
    stage.browser("clinician").get("/")
    assert _who_saw(stage, stage.submission.patient) == {("clinician", "own_exams.viewed")}


def test_another_page_of_the_list_is_another_view_and_the_same_one_is_not(
    stage: Stage, settings: Any
) -> None:
    other = _other_patient(stage)
    settings.WORKLIST_PAGE_SIZE = 1
    browser = stage.browser("reviewer")
    newest = browser.get("/worklist/").context["page"]
    browser.get("/worklist/")
    assert Entry.objects.filter(action="worklist.viewed").count() == 1
    browser.get("/worklist/", {"after": str(newest.older)})
    assert Entry.objects.filter(action="worklist.viewed").count() == 2
    for patient in (other, stage.submission.patient):
        assert _who_saw(stage, patient) == {("reviewer", "worklist.viewed")}


def test_whatever_shows_one_patient_is_found_by_the_patient(stage: Stage) -> None:
    report = add_report(stage.submission)
    browser = stage.browser("reviewer")
    browser.get(reverse("exam", args=[stage.submission.uuid]))
    browser.get(reverse("report", args=[report.uuid]))
    browser.get(reverse("capture_file", args=[stage.image.uuid]))
    content = stage.browser("administrator with content")
    patient = stage.submission.patient
    content.get(f"/admin/exams/patient/{patient.pk}/change/")
    content.get(f"/admin/exams/submission/{stage.submission.pk}/change/")
    assert _who_saw(stage, patient) == {
        ("reviewer", "exam.viewed"),
        ("reviewer", "capture.viewed"),
        ("administrator with content", "patient.viewed"),
        ("administrator with content", "submission.viewed"),
    }


@pytest.mark.parametrize("name", ["capture_file", "capture_preview", "capture_display"])
def test_every_form_of_a_capture_is_found_by_the_patient(stage: Stage, name: str) -> None:
    stored = storage.store_upload([b"a picture"]).path
    Capture.objects.filter(pk=stage.image.pk).update(
        file=stored, preview=stored, display=stored, display_type="image/png"
    )
    assert stage.browser("reviewer").get(reverse(name, args=[stage.image.uuid])).status_code == 200
    assert _who_saw(stage, stage.submission.patient) == {("reviewer", "capture.viewed")}


def test_a_patient_who_looks_alike_is_shown_as_well(stage: Stage) -> None:
    other = _other_patient(stage)
    stage.submission.looks_like = other
    stage.submission.save(update_fields=["looks_like"])
    stage.browser("reviewer").get(reverse("exam", args=[stage.submission.uuid]))
    assert _who_saw(stage, other) == {("reviewer", "exam.viewed")}


def test_patients_who_were_separated_are_found_by_either(stage: Stage) -> None:
    former = stage.submission.patient
    add_submission(stage.customer, patient=former)
    new = split_patient(submission=stage.submission, user=stage.people["reviewer"], address=None)
    for patient in (former, new):
        assert _who_saw(stage, patient) == {("reviewer", "patient.split")}


@pytest.mark.parametrize("page", ["patient", "submission"])
def test_the_pages_of_the_administration_lead_to_who_saw_a_patient(stage: Stage, page: str) -> None:
    stage.browser("reviewer").get("/worklist/")
    row = getattr(stage.submission, page, stage.submission)
    browser = stage.browser("administrator with content")
    shown = browser.get(f"/admin/exams/{page}/{row.pk}/change/").content.decode()
    link = f"{LOG}?patient={stage.submission.patient.uuid}"
    assert f'href="{link}">Who saw this patient' in shown
    assert "worklist.viewed" in {each.action for each in browser.get(link).context["cl"].result_list}


def test_a_search_for_the_identifier_finds_the_lists_as_well(stage: Stage) -> None:
    stage.browser("reviewer").get("/worklist/")
    words = str(stage.submission.patient.uuid).upper()
    listed = stage.browser("administrator").get(LOG, {"q": words}).context["cl"].result_list
    assert [each.action for each in listed] == ["worklist.viewed"]


def test_the_filter_uses_an_index(stage: Stage) -> None:
    stage.browser("reviewer").get("/worklist/")
    found = Entry.objects.filter(
        pk__in=ShownPatient.objects.filter(patient=str(stage.submission.patient.uuid)).values("entry_id")
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "audit_shown_by_patient" in found.explain()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement", ["UPDATE audit_shownpatient SET patient = 'nobody'", "DELETE FROM audit_shownpatient"]
)
def test_the_index_is_append_only(statement: str) -> None:
    add_entry(action="exam.opened", patients=["00000000-0000-4000-8000-000000000001"])
    assert ShownPatient.objects.count() == 1
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert ShownPatient.objects.get().patient.endswith("1")


# --- Reading the log ---------------------------------------------------------------------------------------


def _readings() -> list[dict[str, str]]:
    found = Entry.objects.filter(action="audit.viewed").order_by("at", "id")
    return [{name: each.identifiers.get(name, "") for name in ("filter",)} for each in found]


@pytest.fixture
def reader(stage: Stage) -> Client:
    return stage.browser("administrator")


def test_reading_the_log_is_one_entry_for_each_filter(stage: Stage, reader: Client) -> None:
    for _ in range(3):
        reader.get(LOG)
    reader.get(LOG, {"patient": "00000000-0000-4000-8000-000000000001", "outcome": "ok"})
    assert _readings() == [
        {"filter": ""},
        {"filter": "outcome=ok patient=00000000-0000-4000-8000-000000000001"},
    ]
    entry = Entry.objects.filter(action="audit.viewed").first()
    assert entry is not None and entry.actor_id == str(stage.people["administrator"].pk)


def test_a_page_does_not_show_that_it_was_read_and_what_was_searched_is_not_kept(reader: Client) -> None:
    add_entry(action="exam.viewed")
    listed = reader.get(LOG).context["cl"].result_list
    assert [each.action for each in listed] == ["exam.viewed"]
    reader.get(LOG, {"q": "Zebrowska"})
    assert {"filter": "q=…"} in _readings()
    assert "Zebrowska" not in str(list(Entry.objects.values()))


def test_reading_one_entry_names_it(reader: Client) -> None:
    read = add_entry(action="exam.viewed")
    reader.get(f"{LOG}{read.pk}/change/")
    entry = Entry.objects.get(action="audit.viewed")
    assert (entry.target_type, entry.target_id) == ("audit.entry", str(read.pk))


def test_a_refused_reader_has_read_nothing(stage: Stage) -> None:
    stage.browser("reviewer").get(LOG)
    assert _readings() == []
