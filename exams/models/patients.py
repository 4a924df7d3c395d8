"""Patients and their demographic data."""

import uuid

from django.db import models
from django.utils import timezone

from exams.models.derived import IdentifierDigestField
from exams.models.names import doubt_birth, has_invisible, join_name, written_name
from integrations.models import Customer


class Demographics(models.Model):
    """The Cloud's data about a patient. Every field is optional, and kept whole."""

    identifier = models.TextField(blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    date_of_birth_text = models.TextField(blank=True)
    gender = models.TextField(blank=True)
    first_name = models.TextField(blank=True)
    middle_name = models.TextField(blank=True)
    last_name = models.TextField(blank=True)
    animal_name = models.TextField(blank=True)
    animal_type = models.TextField(blank=True)
    owner_name = models.TextField(blank=True)

    class Meta:
        abstract = True

    def list_values(self) -> dict[str, str]:
        """Return every field of Demographics as text; an empty string means not given."""
        names = (field.name for field in Demographics._meta.get_fields())
        return {name: str(getattr(self, name) or "") for name in names}

    @property
    def is_animal(self) -> bool:
        """True if any field of an animal is filled."""
        return bool(self.animal_name or self.animal_type or self.owner_name)

    @property
    def display_name(self) -> str:
        """The name that reviewers see, or an empty string if the Cloud sent none."""
        if self.is_animal:
            return written_name(self.animal_name)
        return join_name(first=self.first_name, middle=self.middle_name, last=self.last_name)

    @property
    def has_invisible(self) -> bool:
        """True if a field contains characters that no reader can see; pages leave them out."""
        fields = (field.name for field in Demographics._meta.get_fields() if field.name != "date_of_birth")
        return any(has_invisible(getattr(self, name)) for name in fields)

    @property
    def birth_doubt(self) -> str:
        """Why the birth date is implausible, or an empty string."""
        return doubt_birth(self.date_of_birth, self.date_of_birth_text, today=timezone.localdate())


class Patient(Demographics):
    """One person or animal of one customer; never merged on a guess."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="patients")
    identifier_digest = IdentifierDigestField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "identifier_digest"], name="exams_patient_identifier")]

    def __str__(self) -> str:
        return str(self.uuid)
