"""People: accounts, roles, invitations."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from accounts.roles import grant_role_permissions


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        post_migrate.connect(grant_role_permissions, dispatch_uid="accounts.roles")
