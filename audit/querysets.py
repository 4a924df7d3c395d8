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

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> list[Any]:
        """Insert entries; raises AppendOnly when conflicts are to be overwritten."""
        if update_conflicts:
            raise AppendOnly("Audit entries are never changed.")
        return super().bulk_create(objs, *args, **kwargs)

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")
