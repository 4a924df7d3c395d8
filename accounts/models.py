"""Accounts with a case-insensitive unique e-mail address, and invitations; roles are groups."""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

# Long enough for a holiday, short enough for a forgotten mail to expire.
INVITATION_DAYS = 14


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
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

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
