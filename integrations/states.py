"""The states of links, and what a customer's links, accounts and the Cloud's list say together."""

from django.db.models import TextChoices


class LinkState(TextChoices):
    PENDING = "pending", "confirming"
    CONFIRMED = "confirmed", "linked"
    REJECTED = "rejected", "unknown at the Cloud"
    GONE = "gone", "gone at the Cloud"
    UNLINKED = "unlinked", "unlinked"


# What keeps others from taking the customer.
ACTIVE = (LinkState.PENDING, LinkState.CONFIRMED)


class CustomerStatus(TextChoices):
    """What links, portal accounts and the Cloud's list say together; computed, not stored."""

    CONFIRMED = "confirmed", "confirmed"
    PENDING = "pending", "confirming"
    MISSING = "missing", "linked here, missing from the last sync"
    GONE = "gone", "gone at the Cloud"
    UNKNOWN_HERE = "unknown_here", "no portal account"
    ACCOUNT_OFF = "account_off", "held by a deactivated account"
    UNLINKED = "unlinked", "not linked"
