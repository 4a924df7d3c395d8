"""Which reviewer sees the exams of which service."""

from accounts.models import User
from audit.entries import add_entry
from integrations.models import ReviewerAccess


def note_grant(*, access: ReviewerAccess, actor: User, address: str | None) -> None:
    """Audit that an administrator granted a service to a reviewer."""
    _note(action="access.granted", access=access, actor=actor, address=address)


def note_removal(*, access: ReviewerAccess, actor: User, address: str | None) -> None:
    """Audit that an administrator took a service from a reviewer."""
    _note(action="access.removed", access=access, actor=actor, address=address)


def _note(*, action: str, access: ReviewerAccess, actor: User, address: str | None) -> None:
    add_entry(
        action=action,
        actor=actor,
        target=access.user,
        address=address,
        service=access.service.slug,
    )
