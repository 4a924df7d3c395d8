"""The states of links with their reasons, and the computed status of a customer."""

from django.db.models import TextChoices


class LinkState(TextChoices):
    PENDING = "pending", "confirming"
    CONFIRMED = "confirmed", "linked"
    REJECTED = "rejected", "unknown at the Cloud"
    GONE = "gone", "gone at the Cloud"
    UNLINKED = "unlinked", "unlinked"


# In these states a link holds its customer: no other account can take it.
ACTIVE = (LinkState.PENDING, LinkState.CONFIRMED)


class LinkReason(TextChoices):
    """Why a link is not confirmed yet, or has ended: the codes that a link stores."""

    # The confirmation, which is tried again until the Cloud answers.
    CLOUD_AWAY = "cloud_away", "Clarius Cloud cannot be reached. The portal tries again automatically."
    NOT_ACCEPTED = "not_accepted", "Clarius Cloud did not accept this customer."
    UNKNOWN = "unknown", "Clarius Cloud does not know this customer."
    # The daily sync of the Cloud's list.
    NOT_LISTED = "not_listed", "Clarius Cloud no longer lists this customer."
    # A person ended it.
    BY_OWNER = "by_owner", "Unlinked by its owner."
    DISPUTED = "disputed", "Reported by the account's owner as not made by them."
    SUSPENDED = "suspended", "Suspended by an administrator."
    TRANSFERRED = "transferred", "Transferred to another account by an administrator."
    MARKED = "marked", "An administrator of this portal ended this link."


class CustomerStatus(TextChoices):
    """The status of a customer, computed from its links, their accounts and the Cloud's list; not stored."""

    CONFIRMED = "confirmed", "confirmed"
    PENDING = "pending", "confirming"
    MISSING = "missing", "linked here, missing from the last sync"
    GONE = "gone", "gone at the Cloud"
    UNKNOWN_HERE = "unknown_here", "no portal account"
    ACCOUNT_OFF = "account_off", "held by a deactivated account"
    UNLINKED = "unlinked", "not linked"
