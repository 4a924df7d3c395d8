"""Accounts with a case-insensitive unique e-mail address, and invitations; roles are groups."""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils import timezone

# Long enough for a holiday, short enough for a forgotten mail to expire.
INVITATION_DAYS = 14
# A grant that nobody decided about in this time can no longer be approved; those made are shown for as long.
GRANT_DAYS = 7

# `createsuperuser` made an account; its argument is `user`. It has no request, so nothing else would notice.
superuser_created = Signal()


class UserManager(BaseUserManager["User"]):
    """Creates accounts from an e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an account; raises ValueError without an address."""
        if not email:
            raise ValueError("An account needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an account with every permission."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        superuser_created.send(sender=type(user), user=user)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person who logs in."""

    username = None  # type: ignore[assignment]
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField("e-mail address")
    timezone = models.CharField(max_length=64, blank=True)
    # Signed up with a token that Clarius Cloud has not confirmed. Removed after a day if nothing comes of it.
    is_provisional = models.BooleanField(default=False, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message="An account with this e-mail address exists.",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        """The person's name, else the address."""
        return self.get_full_name() or self.email


def no_code() -> str:
    """Return a digest that no code leads to, for an invitation that was not sent yet."""
    return secrets.token_hex(32)


def invitation_end() -> datetime:
    """Return when an invitation that is sent now expires."""
    return timezone.now() + timedelta(days=INVITATION_DAYS)


class Invitation(models.Model):
    """An address that may sign up while sign-up is closed; it never connects a customer."""

    email = models.EmailField()
    # The keyed hash of the code in the newest mail; the code is stored nowhere.
    code_digest = models.CharField(max_length=64, unique=True, default=no_code, editable=False)
    is_reviewer = models.BooleanField(default=False)
    invited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=invitation_end)
    accepted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.email

    @property
    def inviter(self) -> str:
        """The person who invited, as pages name them."""
        return self.invited_by.display_name if self.invited_by is not None else "An administrator"


class GrantQuerySet(models.QuerySet["Grant"]):
    """Filters of grants."""

    def waiting(self) -> "GrantQuerySet":
        """Return those that a second administrator can still approve."""
        return self.filter(state=Grant.State.WAITING, expires_at__gt=timezone.now())

    def made_lately(self) -> "GrantQuerySet":
        """Return those made in the last week."""
        since = timezone.now() - timedelta(days=GRANT_DAYS)
        return self.filter(state=Grant.State.MADE, decided_at__gte=since)


def _grant_end() -> Any:
    return timezone.now() + timedelta(days=GRANT_DAYS)


class Grant(models.Model):
    """Access to patients, or a right that leads to it, as an administrator gave or asked for it.

    Only its state changes: what was asked for stays as it was.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation", "invitation of a reviewer"
        ACCOUNT = "account", "rights of an account"
        GROUP = "group", "permissions of a group"
        PASSWORD = "password", "password of an account"
        SUPERUSER = "superuser", "superuser by command"
        REVIEW = "review", "review of a service"
        TRANSFER = "transfer", "transfer of a customer"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for approval"
        MADE = "made", "made"
        DECLINED = "declined", "declined"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # A sentence for administrators, and the same for the function that makes the grant.
    what = models.CharField("what", max_length=500)
    details = models.JSONField(default=dict)
    recipient = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # The recipient's address when it was asked for: whoever owns another one by then is not meant.
    email = models.EmailField("for", blank=True)
    asked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    address = models.GenericIPAddressField("network address", null=True, blank=True)
    expires_at = models.DateTimeField("can be approved until", default=_grant_end)
    # Empty if it was made at once.
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        permissions = [("decide_grant", "Can approve and decline what another administrator asked for")]

    def __str__(self) -> str:
        return self.what
