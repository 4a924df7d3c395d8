"""The exams app: submissions from the Cloud, their review, and the reports that answer them."""

from datetime import timedelta
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils import timezone

# A new portal has nothing to clean in its first hour.
FIRST_MAINTENANCE = timedelta(hours=1)


class ExamsConfig(AppConfig):
    name = "exams"
    verbose_name = "Exams"

    def ready(self) -> None:
        post_migrate.connect(_make_maintenance_tasks, sender=self)


def _make_maintenance_tasks(sender: AppConfig, using: str, apps: Any = apps, **kwargs: Any) -> None:
    """Create the row of each maintenance task.

    Not in a migration, which runs once: the rows come back even if a flush deletes them.
    """
    try:
        tasks = apps.get_model(sender.label, "MaintenanceTask")
    except LookupError:
        # An earlier state of the tables.
        return
    for name in sender.get_model("MaintenanceTask").Name.values:  # type: ignore[attr-defined]
        tasks._default_manager.using(using).get_or_create(
            name=name, defaults={"not_before": timezone.now() + FIRST_MAINTENANCE}
        )
