"""A reviewer can separate two exams that were matched with one patient; that is audited and permanent."""

import json
from typing import Any

import pytest

from accounts.models import User
from audit.models import Entry
from exams.models import Patient, Submission
from exams.services.exam_data import read_patient
from exams.services.fetch._reading import read_data
from exams.services.review.identity import split_patient
from exams.services.transitions import NotAllowed
from integrations.clarius import DownloadData
from integrations.models import Customer
from tests.exams.cast import Stage, make_stage
from tests.exams.rows import make_submission
from tests.people import make_person

pytestmark = pytest.mark.django_db

ANN = {"identifier": "MRN-7781", "first_name": "Ann", "last_name": "Zebrowska"}
BORN = "1970-03-04"


@pytest.fixture
def stage(settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT = tmp_path
    return make_stage()


@pytest.fixture
def reviewer(db: None) -> User:
    return make_person("judge")


def add_matched(customer: Customer, **sent: str) -> Submission:
    """Add a submission and match it as a fetch does."""
    values = read_patient(sent)
    row = make_submission(customer, **values)
    matched(row, **sent)
    return row


def matched(row: Submission, **sent: str) -> Submission:
    answer = {"request_uuid": str(row.request_uuid), "patient": {**ANN, **sent}, "captures": []}
    read_data(submission=row, data=DownloadData.from_json(answer, raw=json.dumps(answer)))
    row.refresh_from_db()
    return row


def test_a_split_exam_has_a_patient_of_its_own_with_a_warning(stage: Stage, reviewer: User) -> None:
    first, second = add_matched(stage.customer, **ANN), add_matched(stage.customer, **ANN)
    assert first.patient == second.patient
    patient = split_patient(submission=second, user=reviewer, address="192.0.2.1")
    second.refresh_from_db()
    first.refresh_from_db()
    assert (second.patient, second.looks_like) == (patient, first.patient)
    assert first.patient != patient
    assert patient.identifier == "MRN-7781"
    entry = Entry.objects.get(action="patient.split")
    assert (entry.target_id, entry.actor_id, entry.address) == (
        str(second.uuid),
        str(reviewer.pk),
        "192.0.2.1",
    )
    assert "Zebrowska" not in str(entry.identifiers)


def test_submissions_of_the_split_exam_stay_together(stage: Stage, reviewer: User) -> None:
    first, second = add_matched(stage.customer, **ANN), add_matched(stage.customer, **ANN)
    again = make_submission(stage.customer, exam=second.exam, patient=second.patient)
    split_patient(submission=second, user=reviewer, address=None)
    again.refresh_from_db()
    second.refresh_from_db()
    assert again.patient == second.patient != first.patient
    # A later submission fits two patients, and gets the one of its exam.
    later = matched(make_submission(stage.customer, exam=second.exam))
    assert later.patient == second.patient


def test_a_split_exam_is_not_matched_with_that_patient_again(stage: Stage, reviewer: User) -> None:
    first, second = add_matched(stage.customer, **ANN), add_matched(stage.customer, **ANN)
    split_patient(submission=second, user=reviewer, address=None)
    second.refresh_from_db()
    own = second.patient
    assert matched(second, gender="female").patient == own
    Submission.objects.update(patient=None)
    Patient.objects.filter(pk=own.pk).delete()
    assert matched(second).patient not in (own, first.patient)


def test_a_third_submission_that_fits_two_patients_is_matched_with_neither(
    stage: Stage, reviewer: User
) -> None:
    first, second = add_matched(stage.customer, **ANN), add_matched(stage.customer, **ANN)
    split_patient(submission=second, user=reviewer, address=None)
    third = add_matched(stage.customer, **ANN)
    second.refresh_from_db()
    assert third.patient not in (first.patient, second.patient)
    assert third.looks_like is not None


def test_fields_that_the_other_persons_data_had_filled_are_cleared(stage: Stage, reviewer: User) -> None:
    first = add_matched(stage.customer, **ANN)
    second = add_matched(stage.customer, **ANN, date_of_birth=BORN)
    first.patient.refresh_from_db()
    assert first.patient.date_of_birth is not None
    patient = split_patient(submission=second, user=reviewer, address=None)
    first.patient.refresh_from_db()
    assert first.patient.date_of_birth is None
    assert str(patient.date_of_birth) == BORN


def test_an_exam_that_shares_its_patient_with_no_other_cannot_be_split(stage: Stage, reviewer: User) -> None:
    alone = add_matched(stage.customer, identifier="MRN-1", first_name="Bo", last_name="Quist")
    make_submission(stage.customer, exam=alone.exam, patient=alone.patient)
    with pytest.raises(NotAllowed):
        split_patient(submission=alone, user=reviewer, address=None)
    assert not Entry.objects.filter(action="patient.split").exists()
