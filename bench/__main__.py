"""`python -m bench`: run every benchmark of incoming data, one after the other."""

import shutil
import sys

from bench import customers, downloads, end_to_end, reconcile, webhook
from tests.chaos.servers import missing

NEEDED = {"wrk": "wrk", "nginx": "nginx-light", "curl": "curl", "openssl": "openssl"}


def main() -> None:
    """Run all; exit with a message if a program is missing."""
    lacking = [
        package for name, package in NEEDED.items() if not shutil.which(name, path="/usr/sbin:/usr/bin")
    ]
    if lacking or missing():
        wanted = ", ".join([*lacking, *(["postgresql and rabbitmq-server"] if missing() else [])])
        sys.exit(f"Needs {wanted} (apt-get install).")
    for each in (webhook, downloads, reconcile, customers, end_to_end):
        print(f"\n## {each.__doc__}")
        each.main()


if __name__ == "__main__":
    main()
