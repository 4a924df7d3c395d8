"""The query sets of this app's models."""

from typing import Any, Self

from django.db import models
from django.db.models import Case, Count, OuterRef, Q, Subquery, Value, When

from integrations.states import ACTIVE, LinkState
from integrations.states import CustomerStatus as Status


class ServiceQuerySet(models.QuerySet[Any]):
    """Services of Clarius Cloud."""

    def in_use(self) -> Self:
        """Services that are not paused."""
        return self.filter(is_active=True)


class CustomerQuerySet(models.QuerySet[Any]):
    """Customers of any service."""

    def held_by(self, user: Any) -> Self:
        """Customers to which this account holds a confirmed link now."""
        return self.filter(links__user=user, links__state=LinkState.CONFIRMED)

    def linked(self) -> Self:
        """Customers that some account holds, confirmed, now."""
        return self.filter(links__state=LinkState.CONFIRMED)

    def with_status(self) -> Self:
        """Add `status`, a CustomerStatus: what links, portal accounts and the Cloud's list say together."""
        links = self.model._meta.get_field("links").related_model._base_manager.filter(
            customer=OuterRef("pk")
        )
        active = links.filter(state__in=ACTIVE)
        return self.annotate(
            held_state=Subquery(active.values("state")[:1]),
            holder_is_active=Subquery(active.values("user__is_active")[:1]),
            last_state=Subquery(links.order_by("-created_at", "-pk").values("state")[:1]),
        ).annotate(
            status=Case(
                When(held_state__isnull=False, holder_is_active=False, then=Value(Status.ACCOUNT_OFF)),
                When(held_state=LinkState.PENDING, then=Value(Status.PENDING)),
                When(held_state=LinkState.CONFIRMED, missed_sync_count__gt=0, then=Value(Status.MISSING)),
                When(held_state=LinkState.CONFIRMED, then=Value(Status.CONFIRMED)),
                When(listed_at__isnull=False, missed_sync_count=0, then=Value(Status.UNKNOWN_HERE)),
                When(last_state=LinkState.GONE, then=Value(Status.GONE)),
                default=Value(Status.UNLINKED),
                output_field=models.CharField(),
            )
        )

    def in_status(self, status: str) -> Self:
        """Customers in this status."""
        return self.with_status().filter(status=status)

    def count_statuses(self) -> dict[str, int]:
        """Return the number of customers in each status."""
        rows = self.with_status().order_by().values_list("status")
        return dict.fromkeys(Status.values, 0) | dict(rows.annotate(count=Count("pk")))

    def unlisted_since(self, started_at: Any) -> Self:
        """Customers whose link was confirmed before a sync that did not list them began."""
        # A link that was confirmed during the sync may have come too late for its page.
        held = self.filter(links__state=LinkState.CONFIRMED, links__confirmed_at__lt=started_at)
        return held.filter(Q(listed_at=None) | Q(listed_at__lt=started_at))


class LinkQuerySet(models.QuerySet[Any]):
    """Links of any account."""

    def active(self) -> Self:
        """Pending or confirmed: what keeps others from taking the customer."""
        return self.filter(state__in=ACTIVE)

    def confirmed(self) -> Self:
        """Links whose accounts see the customer's exams."""
        return self.filter(state=LinkState.CONFIRMED)

    def with_customer(self) -> Self:
        """Links with their customer and service, which their pages show."""
        return self.select_related("customer__service")
