"""Audit the access of reviewers to services."""

from accounts.models import User
from audit.entries import add_entry
from integrations.models import ReviewerAccess


def audit_grant(*, access: ReviewerAccess, actor: User, address: str | None) -> None:
    """Audit that an administrator granted a service to a reviewer."""
    _audit(action="access.granted", access=access, actor=actor, address=address)


def audit_removal(*, access: ReviewerAccess, actor: User, address: str | None) -> None:
    """Audit that an administrator took a service from a reviewer."""
    _audit(action="access.removed", access=access, actor=actor, address=address)


def _audit(*, action: str, access: ReviewerAccess, actor: User, address: str | None) -> None:
    add_entry(
        action=action,
        actor=actor,
        target=access.user,
        address=address,
        service=access.service.slug,
    )
