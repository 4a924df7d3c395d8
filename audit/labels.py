"""Labels for the actions and objects of entries. Other apps register labels for their models."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model

from audit.models import Entry

# What happened, as the log shows it: an account, these words, an object.
ACTIONS = {
    "access.granted": "gave a reviewer a service",
    "access.removed": "took a service from a reviewer",
    "account.changed": "changed an account",
    "account.code_refused": "entered a wrong code from a mail",
    "account.device_known": "logged in on a new device",
    "account.email_added": "added an address",
    "account.email_changed": "changed the address for log-in",
    "account.email_removed": "removed an address",
    "account.email_verified": "verified an address",
    "account.group_added": "gave a role",
    "account.group_removed": "took a role",
    "account.log_in_failed": "failed to log in",
    "account.logged_in": "logged in",
    "account.logged_out": "logged out",
    "account.password_changed": "changed the own password",
    "account.password_reset": "reset the password with a code",
    "account.password_set": "set a password in the administration",
    "account.reauthenticated": "entered the password again",
    "account.reauthentication_failed": "failed to enter the password again",
    "account.removed": "removed an account that was never used",
    "account.reset_requested": "asked for a password reset code",
    "account.signed_up": "signed up",
    "account.too_many_failures": "failed to log in many times",
    "annotations.customized": "customized annotations",
    "annotations.exported": "exported annotations",
    "annotations.removed": "removed customized annotations",
    "api_key.created": "created an API key",
    "api_key.revoked": "revoked an API key",
    "api_key.rotated": "rotated an API key",
    "api_key.rotation_cancelled": "cancelled a key rotation",
    "api_key.rotation_failed": "could not rotate an API key",
    "api_key.rotation_resumed": "resumed a key rotation",
    "api_key.rotation_started": "started a key rotation",
    "api_key.switched": "put an API key into use",
    "api_key.typed": "entered an API key",
    "audit.viewed": "read the audit log",
    "backlog.import_ended": "ended an import of the backlog",
    "backlog.import_started": "started an import of the backlog",
    "capture.viewed": "viewed a capture",
    "customer.confirmed": "confirmed a customer at Clarius Cloud",
    "customer.invited": "invited the owner of a customer",
    "customer.marked_gone": "marked a customer as gone",
    "customer.renamed": "changed the label of a customer",
    "customer.transferred": "transferred a customer",
    "customers.reconciled": "compared customers with Clarius Cloud",
    "demo.continued": "continued the demo as",
    "encryption.rotated": "encrypted what is stored with the newest key",
    "exam.viewed": "viewed an exam",
    "field_map.changed": "changed a field map",
    "file.damaged": "found a damaged file",
    "grant.approved": "approved a grant",
    "grant.approved_by_command": "approved a grant by a command",
    "grant.asked": "asked for a grant",
    "grant.declined": "declined a grant",
    "grant.made": "granted access",
    "group.created": "created a role",
    "group.deleted": "deleted a role",
    "group.permission_added": "added a permission to a role",
    "group.permission_removed": "removed a permission from a role",
    "group.renamed": "renamed a role",
    "invitation.accepted": "accepted an invitation",
    "invitation.created": "created an invitation",
    "invitation.deleted": "deleted an invitation",
    "invitation.sent": "mailed an invitation",
    "limit.reached": "reached a limit",
    "link.ask_again": "had links confirmed again",
    "link.checked": "had a link confirmed again",
    "link.confirmed": "confirmed a link",
    "link.created": "linked a customer",
    "link.disputed": "disputed a link",
    "link.ended": "ended a link",
    "link.gone": "ended a link that is gone at Clarius Cloud",
    "link.refused": "could not link a customer",
    "link.rejected": "ended a link that Clarius Cloud does not know",
    "link.suspended": "suspended a link",
    "mail.resent": "sent a mail again",
    "outgoingmail.resend": "sent mails again",
    "own_exams.viewed": "viewed own exams",
    "patient.split": "separated patients",
    "patient.viewed": "viewed a patient in the administration",
    "records.taken_in": "imported missed notifications",
    "report.discarded": "discarded a draft",
    "report.drafted": "drafted a report",
    "report.exam_changed": "notified people that an exam changed after its report was signed",
    "report.give_up": "gave up reports",
    "report.given_up": "gave up a report",
    "report.mark_arrived": "marked reports as arrived",
    "report.pages_again": "had the pages of a report made again",
    "report.read": "read a report",
    "report.retried": "sent a failed report again",
    "report.seen_at_cloud": "confirmed that a report arrived",
    "report.send_again": "sent reports again",
    "report.sent": "sent a report to Clarius Cloud",
    "report.sent_again": "sent an uncertain report again",
    "report.signed": "signed a report",
    "report.viewed": "viewed a report in the administration",
    "service.circuit_closed": "resumed calls of a service",
    "service.circuit_opened": "stopped calls of a service: its keys are refused",
    "service.connected": "connected a service",
    "service.full_poll_wanted": "asked for a full poll",
    "service.paused": "paused a service",
    "service.poll_everything": "asked for full polls",
    "service.poll_now": "asked for polls",
    "service.poll_wanted": "asked for a poll",
    "service.probe_keys": "asked for a test of the stored keys",
    "service.probe_wanted": "asked for a test of the stored keys",
    "service.registered": "sent the addresses to Clarius Cloud",
    "service.remote_read": "read the settings at Clarius Cloud",
    "service.resume": "resumed services",
    "service.resumed": "resumed a service",
    "service.settings_drifted": "found other settings at Clarius Cloud",
    "service.settings_pushed": "changed the settings at Clarius Cloud",
    "service.tested": "tested a connection",
    "service.webhook_revealed": "revealed the notification URL",
    "service.webhook_rotated": "created a webhook secret",
    "service.webhook_secret_adopted": "adopted the webhook secret of Clarius Cloud",
    "submission.checked_again": "asked for missing images",
    "submission.claimed": "claimed an exam",
    "submission.conflict": "refused a changed submission",
    "submission.demographics_changed": "received changed demographics",
    "submission.exported": "exported a submission",
    "submission.give_up": "gave up exams",
    "submission.given_up": "gave up an exam",
    "submission.resume": "resumed held exams",
    "submission.resumed": "resumed a held exam",
    "submission.retried": "fetched an exam again",
    "submission.retry": "fetched exams again",
    "submission.returned": "returned a claim",
    "submission.stop": "stopped exams",
    "submission.stopped": "stopped an exam",
    "submission.taken_over": "took over a claim",
    "submission.viewed": "viewed a submission in the administration",
    "sync.read_again": "read lists of Clarius Cloud again",
    "sync.requested": "asked for a sync",
    "worklist.searched": "searched the worklist",
    "worklist.viewed": "viewed the worklist",
}


def action_label(action: str) -> str:
    """Return the words for an action; its code if it is from another version of the portal."""
    return ACTIONS.get(action, action)


@dataclass(frozen=True)
class Label:
    """The label of a model's rows, and the relations that it reads."""

    of: Callable[[Any], str] = str
    related: tuple[str, ...] = ()


_labels: dict[str, Label] = {}


def register_label(*, model: type[Model], label: Callable[[Any], str], related: tuple[str, ...] = ()) -> None:
    """Use this label for rows of `model` in the log."""
    _labels[model._meta.label_lower] = Label(label, related)


def model_of(target_type: str) -> type[Model] | None:
    """Return the model with this name, or None if there is none."""
    try:
        return apps.get_model(target_type)
    except (LookupError, ValueError):
        return None


def type_label(target_type: str) -> str:
    """Return the readable name of a type of objects."""
    model = model_of(target_type)
    return str(model._meta.verbose_name) if model is not None else target_type


def find_targets(entries: Iterable[Entry]) -> dict[tuple[str, str], Model]:
    """Return the existing rows that entries are about, with a query for each type."""
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        wanted.setdefault(entry.target_type, set()).add(entry.target_id)
    found: dict[tuple[str, str], Model] = {}
    for target_type, names in wanted.items():
        model = model_of(target_type)
        if model is not None:
            found |= {(target_type, name): row for name, row in _find_rows(model, names).items()}
    return found


def target_label(row: Model) -> str:
    """Return the type and the label of a row."""
    label = _labels.get(row._meta.label_lower, Label())
    return f"{row._meta.verbose_name} {label.of(row)}"


def _find_rows(model: type[Model], names: set[str]) -> dict[str, Model]:
    field: Any = next((each for each in model._meta.fields if each.name == "uuid"), model._meta.pk)
    key = field.attname
    label = _labels.get(model._meta.label_lower, Label())
    rows = model._base_manager.filter(**{f"{key}__in": [each for each in names if _fits(field, each)]})
    if label.related:
        rows = rows.select_related(*label.related)
    return {str(getattr(row, key)): row for row in rows}


def _fits(field: Any, name: str) -> bool:
    try:
        return field.to_python(name) is not None
    except ValidationError:
        return False
