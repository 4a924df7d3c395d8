"""A leased model for these tests alone; its table is made by a fixture, so no settings mention it."""

from django.db import models

from background.models import LeasedRow


class Work(LeasedRow):
    """Something to do, and how often its effect happened."""

    state = models.CharField(max_length=20, default="waiting")
    effect_count = models.IntegerField(default=0)

    class Meta:
        app_label = "background_tests"

    def __str__(self) -> str:
        return str(self.pk)
