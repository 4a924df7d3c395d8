"""Valid data for the forms of the admin."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from exams.models import BacklogImport, Report, Submission
from integrations.models import KeyRotation, Link, Service
from integrations.services.annotations.editing import base_of
from tests.cloud import Cloud
from tests.people import PASSWORD
from tests.portal.access.stage import Desk

NEW = "another-long-pass-phrase"


def form_of(desk: Desk, cloud: Cloud, page: str) -> dict[str, Any]:
    """Return valid data for the form of a page; empty if nobody may send it."""
    service = {"service": desk.service.pk}
    key = cloud.new_key(name=f"more {uuid.uuid4().hex[:8]}") if page == "integrations_service_add" else ""
    base = {"base": base_of(desk.application)}
    forms: dict[str, dict[str, Any]] = {
        "password_change": {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
        "auth_user_password_change": {"password1": NEW, "password2": NEW, "usable_password": "true"},
        "accounts_user_change": {"email": "outsider@example.test", "first_name": "Ada", "is_active": "on"},
        "auth_group_add": {"name": "Visitors"},
        "auth_group_change": {"name": "Visitors"},
        "auth_group_delete": {"post": "yes"},
        "accounts_invitation_add": {"email": "new@example.test"},
        "accounts_invitation_delete": {"post": "yes"},
        "integrations_revieweraccess_add": service | {"user": desk.stage.people["reviewer without grant"].pk},
        "integrations_revieweraccess_delete": {"post": "yes"},
        "integrations_service_add": {
            "name": "Second opinion",
            "slug": "second",
            "base_url": cloud.url,
            "key": key,
        },
        "integrations_application_change": base | {"do": "none", "confirmed": "yes"},
        "integrations_application_remove": base,
        "integrations_customer_change": {"label": "Dr. Ada Osei"},
        "exams_fieldmap_map": {"examined_at": "exam.started_at", "time_zone": "UTC"},
        "exams_submission_backlog": service | {"confirmed": "yes"},
    }
    for model in ("application", "customer", "notificationrecord"):
        forms[f"integrations_{model}_read_again"] = service
    return forms.get(page, {})


def form_of_page_action(desk: Desk, cloud: Cloud, action: str) -> dict[str, Any]:
    """Return valid data for the form of an action of a page."""
    name = action.partition(".")[2]
    standby = desk.service.api_keys.filter(is_in_use=False).values_list("prefix", flat=True).first()
    holder = str(Link.objects.active().values_list("uuid", flat=True).first())
    forms: dict[str, dict[str, Any]] = {
        # Names of keys are unique at the sandbox, which does not roll back.
        "create": {"name": f"more {uuid.uuid4().hex[:8]}"},
        "type": {"key": cloud.new_key(name="typed")} if name == "type" else {},
        "use": {"prefix": standby},
        "revoke": {"prefix": standby, "is_meant": "yes"},
        "rotate": {"is_meant": "yes"},
        "cancel": {"is_meant": "yes"},
        "push": {"is_notified": "on", "is_meant": "on"},
        "gone": {"held_by": holder},
        "transfer": {"email": "outsider@example.test", "reason": "Left the practice", "held_by": holder},
        "invite": {"email": "new@example.test"},
    }
    return {"action": name} | forms.get(name, {})


def form_of_action(desk: Desk, action: str) -> dict[str, Any]:
    """Return the data that confirms an action on the stage's row."""
    model, name = action.split(".")
    row = desk.rows[model.replace("_", ".")]
    return {"action": name, "_selected_action": row.pk, "confirmed": "yes", "post": "yes"}


@contextmanager
def prepared(desk: Desk, cloud: Cloud, name: str) -> Iterator[None]:
    with transaction.atomic():
        prepare(desk, cloud, name)
        yield
        transaction.set_rollback(True)


def prepare(desk: Desk, cloud: Cloud, name: str) -> None:
    """Bring the stage's rows into the state in which the action can be run on them."""
    if name in ("integrations_service_keys.use", "integrations_service_keys.revoke"):
        key = cloud.new_key(name=f"standby {uuid.uuid4().hex[:8]}")
        desk.service.api_keys.create(prefix=key.partition(".")[0], secret=key)
    if name in STATES:
        rows, values = STATES[name]
        rows().update(**values)
    elif name in ("integrations_service_keys.resume", "integrations_service_keys.cancel"):
        KeyRotation.objects.create(service=desk.service, name="waiting", cause="person")


STATES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "exams_submission.retry": (Submission.objects.all, {"state": "failed", "hold_reason": ""}),
    "exams_submission.resume": (Submission.objects.all, {"state": "held", "hold_reason": "stopped"}),
    "exams_submission.stop": (Submission.objects.all, {"state": "ready", "hold_reason": ""}),
    "exams_submission.give_up": (Submission.objects.all, {"state": "failed", "hold_reason": ""}),
    "exams_report.send_again": (Report.objects.all, {"state": "failed"}),
    "exams_report.mark_arrived": (Report.objects.all, {"state": "uncertain"}),
    "exams_report.give_up": (Report.objects.all, {"state": "failed"}),
    "integrations_notificationrecord.resume": (
        Submission.objects.all,
        {"state": "held", "hold_reason": "stopped"},
    ),
    "exams_submission_backlog": (BacklogImport.objects.all, {"ended_at": timezone.now()}),
    "integrations_service.resume": (Service.objects.all, {"is_active": False}),
}
