"""The queryset of audit entries: it inserts and reads rows, and refuses to change or delete them."""

from typing import Any, NoReturn

from django.db import models


class AppendOnly(Exception):
    """Somebody tried to change or delete an audit entry."""


class EntryQuerySet(models.QuerySet[Any]):
    """Refuses changes in Python; triggers in the database refuse them too."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never deleted.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> list[Any]:
        """Insert entries; raises AppendOnly if conflicts would be overwritten."""
        if update_conflicts:
            raise AppendOnly("Audit entries are never changed.")
        return super().bulk_create(objs, *args, **kwargs)

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise AppendOnly."""
        raise AppendOnly("Audit entries are never changed.")
