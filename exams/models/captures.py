"""The images and videos of a submission."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from exams import media_types
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

    @property
    def shown_as(self) -> str:
        """How the viewer shows it: "image", "video", "preview" (of what browsers cannot show) or "none"."""
        if self.state != CaptureState.STORED:
            return "none"
        if self.display:
            return "video" if self.display_type == media_types.MP4 else "image"
        if self.media_type in (media_types.JPEG, media_types.PNG):
            return "image"
        # A loop that the decoder could not read may still be one that the browser can.
        is_playable = media_types.is_playable(codec=self.codec, colour_model=self.colour_model)
        if self.media_type == media_types.MP4 and (not self.codec or is_playable):
            return "video"
        return "preview" if self.preview else "none"

    @property
    def is_displayable(self) -> bool:
        """True if the viewer shows the whole capture."""
        return self.shown_as in ("image", "video")

    def __str__(self) -> str:
        return str(self.uuid)


class CaptureSeen(models.Model):
    """A capture was displayed to a reviewer: in the viewer, and not only fetched ahead."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    capture = models.ForeignKey(Capture, on_delete=models.CASCADE, related_name="seen")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "capture"], name="exams_captureseen_unique")]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.capture_id}"
