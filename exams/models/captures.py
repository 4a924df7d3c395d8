"""The images and videos of a submission."""

import uuid
from typing import TypeAlias

from django.db import models

from background.models import LeasedRow
from exams.models.querysets import CaptureQuerySet
from exams.models.submissions import Submission
from exams.states import CaptureState, Failure


class Capture(LeasedRow):
    """One image or video of a submission; its lease is for making the preview."""

    State: TypeAlias = CaptureState

    class Kind(models.TextChoices):
        IMAGE = "image", "image"
        VIDEO = "video", "video"
        OTHER = "other", "file"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="captures")
    position = models.PositiveIntegerField()
    # Hash of the link's path and its ordinal: the path stays the same while the signature changes.
    source_key = models.CharField(max_length=80)
    # The Cloud listed it when the data was last read. A capture that is no longer listed is kept.
    is_listed = models.BooleanField(default=True)
    label = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    failure_reason = models.CharField(max_length=30, choices=Failure.choices, blank=True)
    failure_detail = models.TextField(blank=True)
    file = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)
    media_type = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.OTHER)
    is_lossy = models.BooleanField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    frame_count = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    # When each frame of a video is shown, in milliseconds from its first one.
    frame_times_ms = models.JSONField(null=True, blank=True)
    codec = models.CharField(max_length=40, blank=True)
    colour_model = models.CharField(max_length=40, blank=True)
    # Width by height of one pixel, such as "4:3"; empty when it is square or unknown.
    pixel_aspect = models.CharField(max_length=20, blank=True)
    # Degrees by which the stored picture is turned clockwise to be upright.
    rotation = models.SmallIntegerField(default=0)
    thumbnail = models.CharField(max_length=200, blank=True)
    preview = models.CharField(max_length=200, blank=True)
    # The capture as every browser shows it, in full size; empty where the original is shown as it is.
    display = models.CharField(max_length=200, blank=True)
    display_type = models.CharField(max_length=20, blank=True)
    preview_failure = models.CharField(max_length=300, blank=True)
    stored_at = models.DateTimeField(null=True, blank=True)

    objects = CaptureQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "source_key"], name="exams_capture_source_unique"),
            models.UniqueConstraint(fields=["submission", "position"], name="exams_capture_position_unique"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)
