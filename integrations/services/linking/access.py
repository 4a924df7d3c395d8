"""Give reviewers access to services, and take it from them."""

from accounts.models import Grant, User
from accounts.roles import REVIEWERS
from accounts.services.grants import CannotGrant, ask_for, makes
from audit.entries import add_entry
from integrations.models import ReviewerAccess, Service


def grant_review(*, reviewer: User, service: Service, user: User, address: str | None) -> Grant:
    """Ask for a reviewer's access to a service; raises CannotGrant."""
    return ask_for(
        kind=Grant.Kind.REVIEW,
        what=f"the exams of {service.name} to {reviewer.email}, a reviewer",
        details={"service": service.pk},
        recipient=reviewer,
        user=user,
        address=address,
    )


@makes(Grant.Kind.REVIEW, asked_with="integrations.add_revieweraccess")
def _grant_review(grant: Grant) -> None:
    service = Service.objects.filter(pk=grant.details["service"]).first()
    reviewers = User.objects.filter(groups__name=REVIEWERS, is_active=True)
    reviewer = grant.recipient
    if service is None or reviewer is None or not reviewers.filter(pk=reviewer.pk).exists():
        raise CannotGrant("The service no longer exists, or the account is no reviewer any more.")
    access, is_new = ReviewerAccess.objects.get_or_create(user=reviewer, service=service)
    if is_new:
        _audit(action="access.granted", access=access, actor=grant.asked_by, address=grant.address)


def audit_removal(*, access: ReviewerAccess, actor: User, address: str | None) -> None:
    """Audit that an administrator took a service from a reviewer."""
    _audit(action="access.removed", access=access, actor=actor, address=address)


def _audit(*, action: str, access: ReviewerAccess, actor: User | None, address: str | None) -> None:
    add_entry(
        action=action,
        actor=actor,
        target=access.user,
        address=address,
        service=access.service.slug,
    )
