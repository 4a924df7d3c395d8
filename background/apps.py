"""Background work: rows of the database are its queue."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class BackgroundConfig(AppConfig):
    name = "background"
    verbose_name = "Background work"

    def ready(self) -> None:
        # Every process needs every job: the beat looks for due rows, a worker runs the tasks.
        autodiscover_modules("tasks")
