"""What arrives and what goes back."""

from datetime import timedelta
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils import timezone

# A new portal has nothing to tidy up in its first hour.
FIRST_MAINTENANCE = timedelta(hours=1)


class ExamsConfig(AppConfig):
    name = "exams"
    verbose_name = "Exams"

    def ready(self) -> None:
        post_migrate.connect(_make_maintenance_tasks, sender=self)


def _make_maintenance_tasks(sender: AppConfig, using: str, apps: Any = apps, **kwargs: Any) -> None:
    """Make the row of each chore; they are work, so no migration that runs once could bring them back."""
    try:
        chores = apps.get_model(sender.label, "MaintenanceTask")
    except LookupError:
        # An earlier state of the tables.
        return
    for name in sender.get_model("MaintenanceTask").Name.values:  # type: ignore[attr-defined]
        chores._default_manager.using(using).get_or_create(
            name=name, defaults={"not_before": timezone.now() + FIRST_MAINTENANCE}
        )
