"""Sessions in the database: a copy of the table opens none of them and shows nothing that they hold.

A row's key is a keyed hash of the cookie's value, and its data is encrypted.
"""

import logging
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import salted_hmac

from foundation.crypto import CannotDecrypt, decrypt, encrypt

# As many characters as Django's column has: 160 bits.
KEY_LENGTH = 40
logger = logging.getLogger(__name__)


def stored_key(session_key: str | None) -> str:
    """Return the key of the row for a cookie's value; another `SECRET_KEY` ends every session."""
    digest = salted_hmac("foundation.sessions", session_key or "", algorithm="sha256")
    return digest.hexdigest()[:KEY_LENGTH]


class SessionStore(DatabaseStore):
    """A session whose key in Python is the cookie's value, as Django expects."""

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(stored_key(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(stored_key(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(stored_key(key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row = super().create_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        row = await super().acreate_model_instance(data)
        row.session_key = stored_key(row.session_key)
        return row

    def encode(self, session_dict: dict[str, Any]) -> str:
        return encrypt(self.serializer().dumps(session_dict).decode("latin-1"))

    def decode(self, session_data: Any) -> dict[str, Any]:
        """Return the data; a session that cannot be decrypted is empty, so its owner has to log in again."""
        try:
            text = decrypt(session_data)
        except CannotDecrypt:
            logger.warning("A session cannot be decrypted and is treated as empty.")
            return {}
        return dict(self.serializer().loads(text.encode("latin-1")))

    def _get_session_from_db(self) -> Any:
        row = self._live().first()
        if row is None:
            self._session_key = None
        return row

    async def _aget_session_from_db(self) -> Any:
        row = await self._live().afirst()
        if row is None:
            self._session_key = None
        return row

    def _live(self) -> Any:
        return self.model.objects.filter(
            session_key=stored_key(self.session_key), expire_date__gt=timezone.now()
        )
