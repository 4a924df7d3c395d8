"""Patients are never merged on a guess."""

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exams.models import Patient
from exams.services.exam_data import ALL_FIELDS, read_patient
from exams.services.fetch._patient_matching import Match, is_placeholder, match_patient
from integrations.models import Customer
from tests.exams.rows import make_customer, make_service

ADA = {"identifier": "MRN-7", "first_name": "Ada", "last_name": "Osei", "date_of_birth": "1970-03-04"}
REX = {"identifier": "VET-1", "animal_name": "Rex", "animal_type": "Dog", "owner_name": "Lee"}


@pytest.fixture
def customer(db: None) -> Customer:
    return make_customer(make_service())


def match(customer: Customer, *given: dict[str, Any], **changed: Any) -> Match:
    patient: dict[str, Any] = {}
    for each in (*given, changed):
        patient |= each
    return match_patient(customer=customer, values=read_patient(patient))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"first_name": None},
        {"last_name": "  OSEI "},
        {"date_of_birth": None},
        {"gender": "F"},
        {"middle_name": "B."},
        {"identifier": "mrn-7"},
    ],
)
def test_a_second_submission_of_the_same_person_gets_the_same_patient(
    customer: Customer, changed: dict[str, Any]
) -> None:
    first = match(customer, ADA)
    again = match(customer, ADA, changed)
    assert (again.patient, again.looks_like) == (first.patient, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"last_name": "Mensah"},
        {"first_name": "Eve"},
        {"date_of_birth": "1971-03-04"},
        {"first_name": None, "last_name": None, "date_of_birth": None},
        {"first_name": None, "last_name": None, "date_of_birth": "about 1970"},
        {"first_name": "", "last_name": "", "animal_name": "Ada"},
    ],
)
def test_a_doubtful_match_creates_another_patient_with_a_warning(
    customer: Customer, changed: dict[str, Any]
) -> None:
    first = match(customer, ADA)
    other = match(customer, ADA, changed)
    assert other.patient != first.patient
    assert other.looks_like == first.patient


@pytest.mark.parametrize("gender", ["M", "male"])
def test_a_contradicting_gender_means_another_patient(customer: Customer, gender: str) -> None:
    first = match(customer, ADA, gender="F")
    assert match(customer, ADA, gender=gender).patient != first.patient


@pytest.mark.parametrize("identifier", ["", "0", "1", "test", "TEST", "unknown", "aaaa", "0000", " ", "-"])
def test_a_placeholder_identifies_nobody(customer: Customer, identifier: str) -> None:
    assert is_placeholder(identifier)
    first = match(customer, ADA, identifier=identifier)
    again = match(customer, ADA, identifier=identifier)
    assert again.patient != first.patient
    assert again.looks_like == first.patient


def test_a_submission_without_patient_data_gets_its_own_patient(customer: Customer) -> None:
    first, second = match(customer), match(customer)
    assert first.patient != second.patient
    assert second.looks_like is None


@pytest.mark.parametrize("field", ["identifier", "last_name"])
def test_values_of_any_length_are_kept_whole_and_distinguish_patients(customer: Customer, field: str) -> None:
    # Without a pattern that a database could compress below the limit of an index.
    long = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    first = match(customer, ADA, **{field: f"{long}1"})
    other = match(customer, ADA, **{field: f"{long}2"})
    assert first.patient != other.patient
    assert match(customer, ADA, **{field: f"{long}1"}).patient == first.patient
    first.patient.refresh_from_db()
    assert getattr(first.patient, field) == f"{long}1"


def test_an_identifier_is_the_same_whatever_cannot_be_seen_in_it(customer: Customer) -> None:
    first = match(customer, ADA, identifier="\ufeffÉTÉ-7\u200b")
    again = match(customer, ADA, identifier="été-7")
    assert again.patient == first.patient
    assert first.patient.identifier == "\ufeffÉTÉ-7\u200b"


def test_two_customers_never_share_a_patient(customer: Customer) -> None:
    first = match(customer, ADA)
    other = match(make_customer(customer.service), ADA)
    assert other.patient != first.patient
    assert other.looks_like is None


def test_an_animal_is_identified_by_its_name(customer: Customer) -> None:
    first = match(customer, REX)
    assert first.patient.is_animal
    assert match(customer, REX).patient == first.patient
    other = match(customer, REX, animal_name="Bella")
    assert (other.patient == first.patient, other.looks_like) == (False, first.patient)


def test_empty_fields_are_filled_and_filled_fields_never_change(customer: Customer) -> None:
    match(customer, ADA, date_of_birth=None)
    match(customer, ADA, first_name="ADA", gender="F")
    patient = Patient.objects.get()
    assert (patient.first_name, patient.gender) == ("Ada", "F")
    assert patient.date_of_birth == date(1970, 3, 4)
    # Once filled, the field can contradict.
    assert match(customer, ADA, date_of_birth="1999-01-01").patient != patient


@pytest.mark.parametrize(
    ("given", "born", "text"),
    [
        ("1970-01-01", date(1970, 1, 1), ""),
        ("1970-01-01T00:00:00Z", date(1970, 1, 1), ""),
        ("01/02/1970", None, "01/02/1970"),
        ("1970-02-31", None, "1970-02-31"),
        ("19700101", None, "19700101"),
        ("about 1970", None, "about 1970"),
        (1970, None, "1970"),
        (None, None, ""),
        ("", None, ""),
        ([], None, ""),
    ],
)
def test_birth_dates_that_do_not_parse_are_kept_as_text(given: Any, born: Any, text: str) -> None:
    values = read_patient({"date_of_birth": given})
    assert (values["date_of_birth"], values["date_of_birth_text"]) == (born, text)


def test_names_keep_their_script_and_lose_controls() -> None:
    values = read_patient(
        {
            "first_name": "伟",
            "last_name": "王\x00",
            "identifier": 12345,
            "gender": True,
            "owner_name": "\ud800",
        }
    )
    assert (values["first_name"], values["last_name"], values["identifier"]) == ("伟", "王", "12345")
    assert values["gender"] == ""
    assert read_patient({"owner_name": "\ud800"})["owner_name"] == "?"


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(patient=st.dictionaries(st.sampled_from(ALL_FIELDS) | st.text(max_size=9), anything, max_size=9))
def test_any_patient_data_that_the_cloud_sends_fits_the_database(patient: dict[str, Any]) -> None:
    values = read_patient(patient)
    assert set(values) == set(ALL_FIELDS)
    for value in values.values():
        if isinstance(value, str):
            value.encode()
            assert "\x00" not in value
