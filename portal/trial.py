"""Secrets of a trial: made at the first start on one's own machine, so that nothing needs to be set."""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

SECRETS = ("SECRET_KEY", "TOKEN_LOOKUP_KEY", "FIELD_ENCRYPTION_KEYS")


def trial_secrets(*, folder: Path, is_local: bool) -> Path:
    """Return the file with the secrets of a trial in `folder`; create it if the portal is `is_local`.

    Raises ImproperlyConfigured elsewhere, and if the file cannot be written.
    """
    path = folder / "secrets.env"
    if not is_local:
        advice = f" To go on with the data of your trial, set ENV_FILE={path}." if path.exists() else ""
        raise ImproperlyConfigured(
            f"{SECRETS[0]} is not set, nor are {SECRETS[1]} and {SECRETS[2]}. See .env.example.{advice}"
        )
    draft = folder / f".secrets-{os.getpid()}"
    lines = [f"{name}={secrets.token_urlsafe(48)}\n" for name in SECRETS[:2]]
    lines.append(f"{SECRETS[2]}={Fernet.generate_key().decode()}\n")
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.writelines(lines)
            # Only one of several processes that start together puts its file there.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
    except OSError as error:
        raise ImproperlyConfigured(
            f"Secrets cannot be written to {path} ({error.strerror}). Set VAR_DIR to a folder that can be "
            f"written to, or set {', '.join(SECRETS)}."
        ) from error
    return path
