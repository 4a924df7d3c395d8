"""Permissions of the roles in the admin: identifiers and states, never patient content."""

from typing import Any

from django.apps import apps as installed_apps

REVIEWERS = "Reviewers"
ADMINISTRATORS = "Administrators"

# The permissions of administrators by app. Patient content needs another one, which they do not get.
ADMINISTRATOR_PERMISSIONS: dict[str, tuple[str, ...]] = {
    "accounts": (
        "view_user",
        "change_user",
        "view_invitation",
        "add_invitation",
        "change_invitation",
        "delete_invitation",
        "view_grant",
        "decide_grant",
    ),
    "auth": ("view_group",),
    "audit": ("view_entry",),
    "background": ("view_outgoingmail", "change_outgoingmail", "view_heartbeat"),
    "integrations": (
        "view_service",
        "add_service",
        "operate_service",
        "manage_service",
        "view_apikey",
        "view_customer",
        "change_customer",
        "operate_customer",
        "view_application",
        "customize_application",
        "view_annotationsnapshot",
        "view_notificationrecord",
        "view_link",
        "operate_link",
        "view_revieweraccess",
        "add_revieweraccess",
        "delete_revieweraccess",
    ),
    "exams": (
        "view_exam",
        "view_capture",
        "view_pollrun",
        "view_rejectednotification",
        "view_maintenancetask",
        "view_submission",
        "operate_submission",
        "view_report",
        "operate_report",
        "view_fieldmap",
        "operate_fieldmap",
    ),
}


def grant_role_permissions(sender: Any, using: str, apps: Any = installed_apps, **kwargs: Any) -> None:
    """Grant administrators the permissions of an app after its migration, and create missing groups."""
    codenames = ADMINISTRATOR_PERMISSIONS.get(sender.label)
    if codenames is None:
        return
    try:
        groups = apps.get_model("auth", "Group")._default_manager.using(using)
        permissions = apps.get_model("auth", "Permission")._default_manager.using(using)
    except LookupError:
        # Only one app was migrated on an empty database: there are no groups yet.
        return
    for name in (REVIEWERS, ADMINISTRATORS):
        group, _ = groups.get_or_create(name=name)
    group.permissions.add(*permissions.filter(content_type__app_label=sender.label, codename__in=codenames))
