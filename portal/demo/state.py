"""The demo's state, `demo.json`: secrets, passwords and the completed steps of the story."""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import Fernet

ROLES = ("clinician", "reviewer", "administrator")
# Without letters that look alike, since people copy passwords from a terminal.
ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


def _password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(14))


class DemoFile:
    """Secrets and state, created once and readable by their owner only."""

    def __init__(self, path: Path, data: dict[str, Any]) -> None:
        self.path = path
        self.data = data

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the file and add what it lacks; raises OSError and ValueError if it is unreadable."""
        data = json.loads(path.read_text()) if path.exists() else {}
        created = {
            "secret_key": secrets.token_urlsafe(48),
            "token_lookup_key": secrets.token_urlsafe(48),
            "field_encryption_key": Fernet.generate_key().decode(),
            "passwords": {role: _password() for role in ROLES},
            "done": [],
        }
        demo = cls(path, created | data)
        if demo.data != data:
            demo.save()
        return demo

    def save(self) -> None:
        """Replace the file, completely or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.data, file, indent=1)
        draft.replace(self.path)

    def is_done(self, step: str) -> bool:
        """Return whether a step of the story is done."""
        return step in self.data["done"]

    def set_done(self, step: str) -> None:
        """Remember that a step of the story is done."""
        self.data["done"].append(step)
        self.save()

    @staticmethod
    def address(role: str) -> str:
        """Return the e-mail address of a role's account."""
        return f"{role}@example.test"
