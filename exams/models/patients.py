"""Patients and their demographic data."""

import uuid

from django.db import models

from exams.models.names import join_name
from integrations.models import Customer


class Demographics(models.Model):
    """The Cloud's data about a patient. Every field is optional."""

    identifier = models.CharField(max_length=200, blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    date_of_birth_text = models.CharField(max_length=100, blank=True)
    gender = models.CharField(max_length=50, blank=True)
    first_name = models.CharField(max_length=200, blank=True)
    middle_name = models.CharField(max_length=200, blank=True)
    last_name = models.CharField(max_length=200, blank=True)
    animal_name = models.CharField(max_length=200, blank=True)
    animal_type = models.CharField(max_length=200, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True

    @property
    def is_animal(self) -> bool:
        """True if any field of an animal is filled."""
        return bool(self.animal_name or self.animal_type or self.owner_name)

    @property
    def display_name(self) -> str:
        """The name that reviewers see, or an empty string if the Cloud sent none."""
        if self.is_animal:
            return self.animal_name
        return join_name(first=self.first_name, middle=self.middle_name, last=self.last_name)


class Patient(Demographics):
    """One person or animal of one customer; never merged on a guess."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="patients")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "identifier"], name="exams_patient_identifier")]

    def __str__(self) -> str:
        return str(self.uuid)
