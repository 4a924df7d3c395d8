"""Environment variables of the demo, set before the settings are read."""

import os
import sys
from pathlib import Path

from portal.demo.ports import PortProblem, Ports
from portal.demo.state import DemoFile
from portal.locations import USUAL_VAR_DIR


def demo_directory() -> Path:
    """Return the folder of the demo: the one that `DEMO_DIR` names, else that of the portal."""
    return Path(os.environ.get("DEMO_DIR") or os.environ.get("VAR_DIR") or USUAL_VAR_DIR).resolve()


def prepare_environment(*, is_started: bool) -> None:
    """Set the environment for `manage.py demo`, or for another command on the data of a demo.

    Exits with a sentence if that fails.
    """
    # Only the owner can read what the demo writes.
    os.umask(0o077)
    try:
        demo = DemoFile.open(demo_directory() / "demo.json")
        ports = Ports.from_environment(kept=demo.data.get("ports") if is_started else None)
    except (PortProblem, OSError, ValueError) as error:
        sys.exit(f"The demo cannot start: {error}")
    os.environ.update(_variables(ports=ports, demo=demo))


def _variables(*, ports: Ports, demo: DemoFile) -> dict[str, str]:
    home = demo.path.parent
    return {
        "SECRET_KEY": demo.data["secret_key"],
        "TOKEN_LOOKUP_KEY": demo.data["token_lookup_key"],
        "FIELD_ENCRYPTION_KEYS": demo.data["field_encryption_key"],
        "VAR_DIR": str(home),
        "PUBLIC_URL": f"http://127.0.0.1:{ports.portal}",
        "DATABASE_URL": f"sqlite:///{home / 'portal.sqlite3'}",
        "MEDIA_ROOT": str(home / "media"),
        "STATIC_ROOT": str(home / "static"),
        "EMAIL_URL": f"filemail:///{str(home / 'mail').lstrip('/')}",
        "CELERY_BROKER_URL": "memory://",
        # The sandbox and its media are on this machine, which the portal otherwise never calls.
        "EGRESS_ALLOWED_NETWORKS": "127.0.0.1/32",
        "ALERT_EMAILS": demo.address("administrator"),
        "TRUSTED_PROXY_COUNT": "0",
        "DEBUG": "off",
        "PORTAL_DEMO_FILE": str(demo.path),
        "PORTAL_DEMO_SANDBOX_URL": f"http://127.0.0.1:{ports.sandbox}",
    }
