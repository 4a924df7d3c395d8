"""Separate a submission from a patient that it was wrongly matched with."""

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from audit.entries import add_entry
from exams.models import Patient, Submission
from exams.services.demographics import ALL_FIELDS
from exams.services.transitions import NotAllowed
from integrations.models import Customer


def can_split(*, submission: Submission) -> bool:
    """Tell whether the submission shares its patient with another exam."""
    return submission.patient_id is not None and _others(submission).exists()


def split_patient(*, submission: Submission, user: User, address: str | None) -> Patient:
    """Move the submission's exam to a new patient and return that; raises NotAllowed if it shares none.

    The submissions of one exam stay together, and are never matched with the other person again.
    """
    with transaction.atomic():
        # Matching takes the same lock: nobody is added to either patient meanwhile.
        Customer.objects.select_for_update(no_key=True).get(pk=submission.customer_id or 0)
        submission = Submission.objects.get(pk=submission.pk)
        former = submission.patient
        if former is None or not can_split(submission=submission):
            raise NotAllowed("This exam has a patient of its own.")
        values = {name: getattr(submission, name) for name in ALL_FIELDS}
        patient = Patient.objects.create(customer_id=former.customer_id, **values)
        rows = Submission.objects.filter(exam=submission.exam_id, patient=former)
        rows.update(patient=patient, looks_like=former, split_from=former)
        _read_anew(former)
        add_entry(
            action="patient.split",
            actor=user,
            target=submission,
            address=address,
            former=str(former.uuid),
            patient=str(patient.uuid),
        )
    return patient


def _others(submission: Submission) -> QuerySet[Submission]:
    return Submission.objects.filter(patient=submission.patient_id).exclude(exam=submission.exam_id)


def _read_anew(patient: Patient) -> None:
    """Take back what the other person's data had completed."""
    empty = Patient()
    values = {name: getattr(empty, name) for name in ALL_FIELDS}
    for row in patient.submissions.without_data().order_by(F("data_read_at").asc(nulls_last=True), "pk"):
        for name in ALL_FIELDS:
            values[name] = values[name] or getattr(row, name)
    Patient.objects.filter(pk=patient.pk).update(**values)
