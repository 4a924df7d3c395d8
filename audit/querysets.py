"""The audit log takes new rows and gives them back; it changes and removes none."""

from typing import Any, NoReturn

from django.db import models


class AppendOnly(Exception):
    """An audit entry was to be changed or removed."""


class EntryQuerySet(models.QuerySet[Any]):
    """Entries, which can be read only; the database's own triggers refuse as well."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never removed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")
