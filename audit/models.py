"""The audit log: one table with identifiers only."""

import uuid
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models.functions import Now

from audit.querysets import AppendOnly, EntryQuerySet


class Entry(models.Model):
    """One action or view. Actor and target are stored as text, so that deleting them changes no entry."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now(), db_index=True)
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=40, default="ok")
    actor_id = models.CharField("account", max_length=40, blank=True, db_index=True)
    # Readable after the account is deleted, without being an address.
    actor_label = models.CharField("masked address", max_length=100, blank=True)
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.CharField(max_length=40, blank=True)
    address = models.GenericIPAddressField("network address", null=True, blank=True)
    identifiers = models.JSONField(default=dict, blank=True)
    # Set for views: it names the view before, so that two parallel views make one row.
    view_key = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001

    objects: ClassVar[models.Manager["Entry"]] = EntryQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["-at", "-id"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["target_type", "target_id", "-at"], name="audit_entry_by_target")]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert a new entry; raises AppendOnly for one that exists."""
        if not self._state.adding:
            raise AppendOnly("Audit entries are never changed.")
        super().save(*args, **(kwargs | {"force_insert": True}))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never deleted.")


class ShownPatient(models.Model):
    """A patient whose data an entry is about; a trigger adds the rows from the entry's list."""

    # As text, since the trigger writes what the entry contains.
    patient = models.CharField(max_length=36)
    # Without a constraint, which would make emptying the log in tests and archives impossible.
    entry = models.ForeignKey(
        Entry, on_delete=models.DO_NOTHING, related_name="shown", db_constraint=False, db_index=False
    )

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["patient", "entry"], name="audit_shown_by_patient")]

    def __str__(self) -> str:
        return self.patient
