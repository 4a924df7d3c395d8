"""People: accounts, roles, invitations."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules

from accounts.roles import grant_role_permissions


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        post_migrate.connect(grant_role_permissions, dispatch_uid="accounts.roles")
        # Receivers import models, which are complete only now.
        autodiscover_modules("receivers")
