"""Rows as the queue of everything that happens behind the pages."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class BackgroundConfig(AppConfig):
    name = "background"
    verbose_name = "Background work"

    def ready(self) -> None:
        # Every process knows every job: its tables of due rows, and in a worker its task.
        autodiscover_modules("tasks")
