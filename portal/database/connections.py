"""Database options under which parallel writers neither fail nor block each other for long."""

from pathlib import Path
from typing import Any

# Otherwise every thread would wait for a server that disappeared, for as long as the kernel's defaults.
SERVER_TIMEOUTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def database_from_url(config: dict[str, Any]) -> dict[str, Any]:
    """Return Django's database entry for the parsed `DATABASE_URL`, tuned for its engine."""
    if config["ENGINE"].endswith("sqlite3"):
        if config["NAME"] != ":memory:":
            Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        # Without IMMEDIATE, a transaction that reads before it writes may fail with "database is locked".
        return config | {
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            }
        }
    options = SERVER_TIMEOUTS | config.get("OPTIONS", {})
    return config | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
