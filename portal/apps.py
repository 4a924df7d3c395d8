"""The site put together."""

from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.contrib.admin import apps as administration
from django.db.models.signals import post_migrate
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules


class AdministrationConfig(administration.AdminConfig):
    """Django's administration, drawn by the theme."""

    default = False
    default_site = "unfold.sites.UnfoldAdminSite"


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        post_migrate.connect(_make_digest, sender=self)
        # Models exist only now, and the checks are about their rows.
        autodiscover_modules("checks")


def _make_digest(sender: AppConfig, using: str, apps: Any = installed_apps, **kwargs: Any) -> None:
    """Make the row of the daily mail; it is work, so no migration that runs once could bring it back."""
    try:
        digests = apps.get_model(sender.label, "Digest")._default_manager.using(using)
    except LookupError:
        # An earlier state of the tables.
        return
    if not digests.exists():
        # The first morning after the portal was set up, not in the middle of it.
        tomorrow = timezone.now() + timedelta(days=1)
        digests.create(not_before=tomorrow.replace(hour=6, minute=0, second=0, microsecond=0))
