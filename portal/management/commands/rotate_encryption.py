"""Encrypt everything that is stored with the newest key, so that former keys can be removed."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Model

from audit.entries import add_entry
from foundation.crypto import CannotDecrypt, Encrypted, EncryptedTextField, rotate
from portal.models import CacheRow

# Worthless if they cannot be decrypted.
DISPOSABLE = (Session, CacheRow)
# Rows read at a time, for flat memory.
AT_ONCE = 500


class Command(BaseCommand):
    """Rotate `FIELD_ENCRYPTION_KEYS`; it can be stopped and run again at any time."""

    help = (
        "Encrypt every secret, session and mail with the first of FIELD_ENCRYPTION_KEYS. Run it after every "
        "process was restarted with a new first key. If it exits with 0, the other keys can be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was encrypted again; raises CommandError if something cannot be decrypted."""
        rotated = locked = 0
        for model, column in _columns():
            changed, unreadable = _rotate_column(model, column)
            rotated, locked = rotated + changed, locked + unreadable
            if changed or unreadable:
                more = f", {unreadable:,} cannot be decrypted" if unreadable else ""
                self.stdout.write(f"{model._meta.label_lower}.{column}: {changed:,} encrypted again{more}")
        add_entry(
            action="encryption.rotated",
            outcome="failed" if locked else "ok",
            rotated=str(rotated),
            unreadable=str(locked),
        )
        if locked:
            raise CommandError(
                f"{locked:,} values cannot be decrypted. Put the key that encrypted them back into "
                "FIELD_ENCRYPTION_KEYS before you remove any key."
            )
        self.stdout.write("Everything is encrypted with the first key. The other keys can be removed.")


def _columns() -> Iterator[tuple[type[Model], str]]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field.name
    yield Session, "session_data"


def _rotate_column(model: type[Model], column: str) -> tuple[int, int]:
    """Return how many values were encrypted again, and how many cannot be decrypted."""
    changed = unreadable = 0
    for pk, stored in model._base_manager.values_list("pk", column).iterator(chunk_size=AT_ONCE):
        text = stored.text if isinstance(stored, Encrypted) else stored
        try:
            again = rotate(text) if text else text
        except CannotDecrypt:
            if model in DISPOSABLE:
                model._base_manager.filter(pk=pk).delete()
            else:
                unreadable += 1
            continue
        if again != text:
            # A value that somebody changed meanwhile is encrypted with the newest key already.
            rows = model._base_manager.filter(pk=pk, **{column: stored})
            changed += rows.update(**{column: type(stored)(again)})
    return changed, unreadable
