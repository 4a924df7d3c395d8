"""Applications, and snapshots of their annotations before each change."""

import uuid

from django.conf import settings
from django.db import models


class Application(models.Model):
    """An exam preset of the scanner app, with its annotations as the Cloud has them."""

    service = models.ForeignKey("integrations.Service", on_delete=models.CASCADE, related_name="applications")
    remote_uuid = models.UUIDField()
    name = models.CharField(max_length=200)
    # False: the Cloud no longer lists it.
    is_listed = models.BooleanField(default=True)
    # False: the Cloud's own annotations are shown. True with an empty list: no annotations are shown.
    is_customized = models.BooleanField(default=False)
    annotations = models.JSONField(default=list, blank=True)
    extra = models.JSONField(default=dict, blank=True)
    read_at = models.DateTimeField()
    written_at = models.DateTimeField(null=True, blank=True)
    # The lock for saving: held until then, unless the save ends earlier.
    saving_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        permissions = [("customize_application", "Can change annotations at Clarius Cloud")]
        constraints = [
            models.UniqueConstraint(fields=["service", "remote_uuid"], name="integrations_application_unique")
        ]

    def __str__(self) -> str:
        return self.name or str(self.remote_uuid)


class AnnotationSnapshot(models.Model):
    """The Cloud's annotations just before the portal changed them; they can be restored."""

    class Outcome(models.TextChoices):
        WRITING = "writing", "not known yet"
        DONE = "done", "written"
        REFUSED = "refused", "not written"
        UNKNOWN = "unknown", "no answer came"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="snapshots")
    is_customized = models.BooleanField()
    annotations = models.JSONField(default=list, blank=True)
    taken_at = models.DateTimeField()
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The outcome of the change for which it was taken.
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.WRITING)

    class Meta:
        ordering = ["-taken_at", "-pk"]

    def __str__(self) -> str:
        return str(self.uuid)
