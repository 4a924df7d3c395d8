"""Separate a submission from a patient that it was wrongly matched with."""

from django.db import transaction
from django.db.models import F

from accounts.models import User
from audit.entries import add_entry
from exams.models import Patient, Submission
from exams.services.exam_data import ALL_FIELDS
from exams.services.transitions import NotAllowed
from integrations.models import Customer


def can_split(*, submission: Submission) -> bool:
    """Return whether the submission shares its patient with another exam."""
    if submission.patient_id is None:
        return False
    sharing = Submission.objects.filter(patient=submission.patient_id)
    return sharing.exclude(exam=submission.exam_id).exists()


def split_patient(*, submission: Submission, user: User, address: str | None) -> Patient:
    """Move the submission's exam to a new patient and return it; raises NotAllowed if nothing is shared.

    The submissions of one exam stay together, and are never matched with the other patient again.
    """
    with transaction.atomic():
        # Matching takes the same lock, so no submission is added to either patient meanwhile.
        Customer.objects.select_for_update(no_key=True).get(pk=submission.customer_id or 0)
        submission = Submission.objects.get(pk=submission.pk)
        former = submission.patient
        if former is None or not can_split(submission=submission):
            raise NotAllowed("This exam has a patient of its own.")
        values = {name: getattr(submission, name) for name in ALL_FIELDS}
        patient = Patient.objects.create(customer_id=former.customer_id, **values)
        rows = Submission.objects.filter(exam=submission.exam_id, patient=former)
        rows.update(patient=patient, looks_like=former, split_from=former)
        _recompute(former)
        add_entry(
            action="patient.split",
            actor=user,
            target=submission,
            address=address,
            patients=(former.uuid, patient.uuid),
            former=str(former.uuid),
            patient=str(patient.uuid),
        )
    return patient


def _recompute(patient: Patient) -> None:
    """Fill the patient's fields from its remaining submissions alone."""
    empty = Patient()
    values = {name: getattr(empty, name) for name in ALL_FIELDS}
    for row in patient.submissions.without_data().order_by(F("data_read_at").asc(nulls_last=True), "pk"):
        for name in ALL_FIELDS:
            values[name] = values[name] or getattr(row, name)
    Patient.objects.filter(pk=patient.pk).update(**values)
