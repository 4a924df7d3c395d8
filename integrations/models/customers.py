"""Customers of a service, and the links by which portal accounts hold them."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField
from integrations.models.querysets import CustomerQuerySet, LinkQuerySet
from integrations.models.service import Service
from integrations.states import ACTIVE, CustomerStatus, LinkReason, LinkState


class Customer(models.Model):
    """One user of the service, known by a token that is stored encrypted and found by its keyed hash."""

    Status: TypeAlias = CustomerStatus

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="customers")
    token = EncryptedTextField(editable=False)
    token_digest = models.CharField(max_length=64, editable=False)
    label = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When a complete sync last listed its token, and how many syncs since then did not.
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)
    missed_sync_count = models.PositiveSmallIntegerField(default=0, editable=False)
    missed_at = models.DateTimeField(null=True, blank=True, editable=False)
    invited_at = models.DateTimeField(null=True, blank=True, editable=False)
    invited_email = models.EmailField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        permissions = [("operate_customer", "Can confirm, transfer and invite customers, and mark them gone")]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "token_digest"], name="integrations_customer_token_unique"
            )
        ]

    def __str__(self) -> str:
        return self.label or f"Customer {self.token_digest[:4].upper()}"


class Link(LeasedRow):
    """A portal account holds a customer's token; its lease is the confirmation at the Cloud."""

    State: TypeAlias = LinkState
    Reason: TypeAlias = LinkReason
    ACTIVE = ACTIVE

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="links")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="links")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=30, blank=True, choices=Reason.choices)
    detail = models.TextField(blank=True)
    # What its account entered; the customer takes it over only when Clarius Cloud confirms the link.
    label = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        permissions = [("operate_link", "Can check links again and suspend them")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state__in=[LinkState.PENDING, LinkState.CONFIRMED]),
                name="integrations_link_one_active",
            )
        ]

    def __str__(self) -> str:
        return str(self.uuid)

    @property
    def shown(self) -> Customer:
        """The customer as the link's account may see it, without what another account entered."""
        if self.state == LinkState.CONFIRMED:
            return self.customer
        digest = self.customer.token_digest
        return Customer(token_digest=digest, label=self.label, institution=self.institution)

    @property
    def is_marked(self) -> bool:
        """Tell whether an administrator ended it: its state alone says that the Cloud did."""
        return self.reason == LinkReason.MARKED
