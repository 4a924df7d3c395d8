"""Write the audit log. When a write fails the caller fails too: nothing is done or shown without an entry."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Model, Q
from django.db.models.functions import Now
from django.http import HttpRequest

from audit.models import Entry
from foundation.address import client_address

# Longer values are texts, which the log must not contain.
LONGEST_IDENTIFIER = 200


def add_entry(
    *,
    action: str,
    outcome: str = "ok",
    actor: Any = None,
    target: Model | None = None,
    address: str | None = None,
    patients: Iterable[Any] = (),
    **identifiers: str,
) -> Entry:
    """Write one entry, in the caller's transaction; raises ValueError for an identifier over 200 characters.

    Pass only identifiers: no name, no text that a person typed, no secret. `patients` are the UUIDs of those
    whose data the action concerns.
    """
    entry = _entry(action=action, actor=actor, target=target, address=address, identifiers=identifiers)
    _list_patients(entry, patients)
    entry.outcome = outcome
    entry.save()
    return entry


def add_entries(
    *, action: str, targets: Iterable[Model], actor: Any = None, address: str | None = None
) -> None:
    """Write one entry for each object with few statements, in the caller's transaction."""
    Entry.objects.bulk_create(
        _entry(action=action, actor=actor, target=target, address=address, identifiers={})
        for target in targets
    )


def add_view(
    *,
    action: str,
    session_key: str | None,
    actor: Any = None,
    target: Model | None = None,
    address: str | None = None,
    outcome: str = "ok",
    patients: Iterable[Any] = (),
    **identifiers: str,
) -> bool:
    """Write one entry for each session, action and object in ten minutes; True if this call wrote it.

    The object of a list is what it shows: another filter or page of it, with other patients, is another view.
    """
    entry = _entry(action=action, actor=actor, target=target, address=address, identifiers=identifiers)
    entry.outcome = outcome
    _list_patients(entry, patients)
    if not session_key:
        entry.save()
        return True
    shown = " ".join(f"{name}={value}" for name, value in sorted(entry.identifiers.items()))
    # The unique key names the view before, so that of two parallel views the database stores only one.
    chain = f"{session_key}|{action}|{entry.actor_id}|{entry.target_type}|{entry.target_id}|{shown}"
    session = _digest(f"{session_key}|{shown}")
    earlier = Entry.objects.filter(
        action=action,
        actor_id=entry.actor_id,
        target_type=entry.target_type,
        target_id=entry.target_id,
        identifiers__session=session,
    ).order_by("-at")
    # One query: with two, an entry added between them would count as the previous view.
    window = timedelta(seconds=settings.VIEW_WINDOW_SECONDS)
    is_recent = ExpressionWrapper(Q(at__gt=Now() - window), output_field=BooleanField())
    previous, was_recent = earlier.values_list("pk", is_recent).first() or (None, False)
    if was_recent:
        return False
    entry.identifiers["session"] = session
    entry.view_key = _digest(f"{chain}|{previous or 'first'}")
    try:
        with transaction.atomic():
            entry.save()
    except IntegrityError:
        if Entry.objects.filter(view_key=entry.view_key).exists():
            return False
        raise
    return True


def record_view(
    request: HttpRequest,
    *,
    action: str,
    target: Model | None = None,
    patients: Iterable[Any] = (),
    **identifiers: str,
) -> None:
    """Write an entry for the account, session and address of a request, as `add_view` does."""
    add_view(
        action=action,
        session_key=request.session.session_key,
        actor=request.user,
        target=target,
        address=client_address(request),
        patients=patients,
        **identifiers,
    )


def _list_patients(entry: Entry, patients: Iterable[Any]) -> None:
    found = sorted({str(each) for each in patients})
    if found:
        entry.identifiers["patients"] = found


def _entry(
    *, action: str, actor: Any, target: Model | None, address: str | None, identifiers: dict[str, str]
) -> Entry:
    for name, value in identifiers.items():
        if len(str(value)) > LONGEST_IDENTIFIER:
            raise ValueError(f"{name} is not an identifier: it is too long.")
    is_known = actor is not None and actor.pk is not None
    return Entry(
        action=action,
        actor_id=str(actor.pk) if is_known else "",
        actor_label=mask_address(getattr(actor, "email", "")) if is_known else "",
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(getattr(target, "uuid", target.pk)) if target is not None else "",
        address=address or None,
        identifiers={name: str(value) for name, value in identifiers.items()},
    )


def mask_address(email: str) -> str:
    """Return an e-mail address of which the log keeps the first letter and the host."""
    name, at, host = email.rpartition("@")
    return f"{name[:1]}…@{host}"[:100] if at else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
