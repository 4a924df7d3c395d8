"""What each database needs so that parallel writers neither lose nor block each other."""

from pathlib import Path
from typing import Any

# A server that vanished without a word would be waited for by every thread, for as long as the kernel likes.
PATIENCE_WITH_A_SERVER = {
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
        # Without IMMEDIATE a transaction that reads first fails at once with "database is locked".
        return config | {
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            }
        }
    options = PATIENCE_WITH_A_SERVER | config.get("OPTIONS", {})
    return config | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
