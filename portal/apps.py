"""The apps of the site and of its administration."""

from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.contrib.admin import apps as administration
from django.contrib.staticfiles import apps as static_files
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_migrate, pre_migrate
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules


class AdministrationConfig(administration.AdminConfig):
    """Django's administration with the theme."""

    default = False
    default_site = "portal.pages.admin_site.PortalAdminSite"


class StaticFilesConfig(static_files.StaticFilesConfig):
    """Django's static files without those of pages that the portal does not have."""

    default = False
    ignore_patterns = [*static_files.StaticFilesConfig.ignore_patterns, "rest_framework"]


# Migrations of development versions; a database that has them cannot be migrated.
DISCARDED = {("exams", "0003_operators"), ("integrations", "0002_operating_permissions")}


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        pre_migrate.connect(_refuse_earlier_database, sender=self)
        post_migrate.connect(_create_digest, sender=self)
        # Checks import models, which are complete only now.
        autodiscover_modules("checks")


def _refuse_earlier_database(sender: AppConfig, using: str, **kwargs: Any) -> None:
    applied = MigrationRecorder(connections[using]).applied_migrations()
    if DISCARDED & set(applied):
        raise CommandError(
            "This database was made by a development version and cannot be migrated. "
            "Start with an empty one: create another database, or for the demo and SQLite run "
            "`make clean`, which deletes var/."
        )


def _create_digest(sender: AppConfig, using: str, apps: Any = installed_apps, **kwargs: Any) -> None:
    """Create the row of the daily mail; after every migration, since somebody may have deleted it."""
    try:
        digests = apps.get_model(sender.label, "Digest")._default_manager.using(using)
    except LookupError:
        # The state before the table existed.
        return
    if not digests.exists():
        # The next morning, so that it does not arrive during the set-up.
        tomorrow = timezone.now() + timedelta(days=1)
        digests.create(not_before=tomorrow.replace(hour=6, minute=0, second=0, microsecond=0))
