"""A cache in the portal's database, so that all web processes count the same limits.

Django's database cache stores pickles, which run as code, loses parallel increments, and evicts live rows
once there are many. This one stores encrypted JSON under a keyed hash, counts exactly, and removes only what
has expired.
"""

import json
import random
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.expressions import Combinable

from background.due import from_now
from foundation.crypto import CannotDecrypt, lookup_digest
from portal.models import CacheRow

# One write in this many also removes what has expired.
PURGE_EVERY = 100


class RowCache(BaseCache):
    """Django's cache interface on rows; values must be JSON."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value unless there is one; of parallel calls exactly one returns True."""
        name, text = self._name(key, version), json.dumps(value)
        until = self._until(timeout)
        rows = CacheRow.objects.filter(pk=name)
        if rows.exclude(_is_live()).update(value=text, expires_at=until):
            return True
        if rows.exists():
            return False
        try:
            with transaction.atomic():
                CacheRow(key=name, value=text, expires_at=until).save(force_insert=True)
        except IntegrityError:
            return False
        _purge_sometimes()
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or `default`."""
        row = CacheRow.objects.filter(_is_live(), pk=self._name(key, version)).first()
        return default if row is None else _read(row, default)

    def set(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Store a value, and replace what was there."""
        name = self._name(key, version)
        CacheRow.objects.bulk_create(
            [CacheRow(key=name, value=json.dumps(value), expires_at=self._until(timeout))],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["value", "expires_at"],
        )
        _purge_sometimes()

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep a value for `timeout` seconds from now; False if there is none."""
        rows = CacheRow.objects.filter(_is_live(), pk=self._name(key, version))
        return bool(rows.update(expires_at=self._until(timeout)))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete a value; False if there was none."""
        count, _ = CacheRow.objects.filter(pk=self._name(key, version)).delete()
        return bool(count)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number and return it, also in parallel calls; raises ValueError if there is none."""
        name = self._name(key, version)
        with transaction.atomic():
            row = CacheRow.objects.select_for_update().filter(_is_live(), pk=name).first()
            if row is None:
                raise ValueError("There is no such number.")
            number = int(_read(row, 0) or 0) + delta
            CacheRow.objects.filter(pk=name).update(value=json.dumps(number))
        return number

    def clear(self) -> None:
        """Delete everything."""
        CacheRow.objects.all().delete()

    def _until(self, timeout: float | None) -> Combinable | None:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        # By the database's clock: the clocks of several web servers differ.
        return None if seconds is None else from_now(seconds=seconds)

    def _name(self, key: str, version: int | None) -> str:
        # Keys contain people's addresses, and whoever has a copy of the database must not guess them.
        return lookup_digest(self.make_key(key, version=version))


def _read(row: CacheRow, default: Any) -> Any:
    try:
        return json.loads(row.value)
    except CannotDecrypt:
        return default


def _is_live() -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=from_now())


def _purge_sometimes() -> None:
    if random.randrange(PURGE_EVERY) == 0:  # noqa: S311
        CacheRow.objects.filter(expires_at__lte=from_now()).delete()
