"""Filters of the integrations' models, in one place."""

from typing import Any, Self

from django.db import models


class ServiceQuerySet(models.QuerySet[Any]):
    """Services."""

    def in_use(self) -> Self:
        """Those that were not switched off."""
        return self.filter(is_active=True)


class CustomerQuerySet(models.QuerySet[Any]):
    """Customers of any service."""

    def held_by(self, user: Any) -> Self:
        """Customers to which this account holds a confirmed link now."""
        return self.filter(links__user=user, links__state="confirmed")

    def linked(self) -> Self:
        """Customers that some account holds, confirmed, now."""
        return self.filter(links__state="confirmed")


class LinkQuerySet(models.QuerySet[Any]):
    """Links of any account."""

    def active(self) -> Self:
        """Pending or confirmed: what keeps others from taking the customer."""
        return self.filter(state__in=("pending", "confirmed"))

    def confirmed(self) -> Self:
        """Links that show something."""
        return self.filter(state="confirmed")

    def with_customer(self) -> Self:
        """Links with what their pages say of customer and service."""
        return self.select_related("customer__service")
