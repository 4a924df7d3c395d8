"""Records of intake for administrators: poll runs, rejected notifications and calls."""

from django.db import models

from integrations.models import Service


class PollRun(models.Model):
    """One reading of a service's list at the Cloud."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="poll_runs")
    started_at = models.DateTimeField()
    is_full = models.BooleanField()
    is_complete = models.BooleanField(default=False)
    page_count = models.PositiveIntegerField(default=0)
    seen_count = models.PositiveIntegerField(default=0)
    new_count = models.PositiveIntegerField(default=0)
    known_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    # It reached the end of the list.
    is_whole = models.BooleanField(default=False)
    # The number of rows at the Cloud, and in the portal after a run that reached the end.
    remote_count = models.PositiveIntegerField(null=True, blank=True)
    local_count = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.FloatField(default=0.0)
    error = models.CharField(max_length=300, blank=True)
    # Why items of the list could not be read, one sentence each, without their values.
    unread = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"Poll run {self.pk}"


class RejectedNotification(models.Model):
    """The masked beginning of a request with the right secret whose body was not a notification."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="rejected_notifications")
    received_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100, blank=True)
    body = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"Rejected notification {self.pk}"


class Call(models.Model):
    """One call about a submission, report or poll run: its time, duration, answer and key."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm", "ask whether it is listed"
        DATA = "data", "read the data"
        FILES = "files", "fetch files"
        REPORT = "report", "send the report"
        LIST = "list", "read the list"

    submission = models.ForeignKey(
        "exams.Submission",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="calls",
        db_index=False,
    )
    report = models.ForeignKey(
        "exams.Report", null=True, blank=True, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    poll_run = models.ForeignKey(
        "exams.PollRun", null=True, blank=True, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField()
    key_prefix = models.CharField(max_length=32, blank=True)
    # The kind of error; empty after a success.
    error = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(submission__isnull=False, report=None, poll_run=None)
                | models.Q(submission=None, report__isnull=False, poll_run=None)
                | models.Q(submission=None, report=None, poll_run__isnull=False),
                name="exams_call_about_one",
            )
        ]
        indexes = [
            models.Index(fields=["submission", "-id"], name="exams_call_of_submission"),
            models.Index(fields=["report", "-id"], name="exams_call_of_report"),
            models.Index(fields=["poll_run", "-id"], name="exams_call_of_poll_run"),
        ]

    def __str__(self) -> str:
        return f"Call {self.pk}"
