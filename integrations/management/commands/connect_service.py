"""Connect a service of Clarius Cloud to this portal."""

import getpass
import json
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.models import Service
from integrations.services.setup import CannotConnect, Mode, ServiceSetup, Wishes, connect

CLARIUS_CLOUD = "https://cloud.clarius.com"


class Command(BaseCommand):
    """Test key and host, store them, and send our two addresses to the Cloud."""

    help = (
        "Connect a service. The API key is read from CLARIUS_API_KEY or from standard input. "
        "Run the command again to continue, to register later or to enter another key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("slug", help="short name of the service, used in its addresses")
        parser.add_argument("--name", default="", help="display name of the service")
        parser.add_argument(
            "--base-url", help=f"address of the Cloud; by default that of this service, else {CLARIUS_CLOUD}"
        )
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--register", action="store_true", help="send our two addresses to the Cloud")
        group.add_argument("--poll-only", action="store_true", help="only poll: no public https address")
        parser.add_argument(
            "--take",
            nargs="+",
            metavar=("all|new|since", "DATE"),
            help="backlog to fetch: all, since DATE (2026-01-31), or none (new, the default)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Connect; raises CommandError with one sentence."""
        take, since = _take(options["take"])
        known = Service.objects.filter(slug=options["slug"]).only("base_url").first()
        poll_only = Mode.POLL_ONLY if options["poll_only"] else Mode.STORE
        wishes = Wishes(
            slug=options["slug"],
            name=options["name"],
            base_url=options["base_url"] or (known.base_url if known else CLARIUS_CLOUD),
            key=_read_key(),
            mode=Mode.REGISTER if options["register"] else poll_only,
            take=take,
            since=since,
        )
        try:
            setup = connect(wishes=wishes)
        except CannotConnect as error:
            raise CommandError(str(error)) from None
        self._print(setup, as_json=options["json"])
        if setup.registration.problem:
            raise CommandError(f"Not registered: {setup.registration.problem}")

    def _print(self, setup: ServiceSetup, *, as_json: bool) -> None:
        service = setup.service
        facts = {
            "service": service.slug,
            "name": service.name,
            "base_url": service.base_url,
            "is_registered": service.is_registered,
            "is_poll_only": service.is_poll_only,
            "is_sandbox": service.is_sandbox,
            "has_replaced_addresses": setup.registration.has_replaced,
            "problem": setup.registration.problem,
            "webhook_url": setup.webhook_url,
            "connect_url": setup.connect_url,
        }
        if as_json:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"{service.name} is connected to {service.base_url}.")
        if setup.registration.has_replaced:
            self.stdout.write("Clarius Cloud had other addresses for this service. They were replaced.")
        self.stdout.write(f"Notification URL (secret): {setup.webhook_url}")
        self.stdout.write(f"Token transfer URL:        {setup.connect_url}")
        self.stdout.write(f"Registered at the Cloud:   {'yes' if service.is_registered else 'no'}")


def _take(parts: list[str] | None) -> tuple[str | None, datetime | None]:
    """Read `all`, `new`, `since DATE`, `since=DATE` or `since:DATE`; raises CommandError."""
    if not parts:
        return None, None
    given = " ".join(parts)
    if given in ("all", "new"):
        return given, None
    since = re.fullmatch(r"since[ =:](\S+)", given)
    if since is None:
        raise CommandError("--take needs all, new, or since and a date such as 2026-01-31.")
    moment = _moment(since[1])
    if moment is None:
        raise CommandError("--take since needs a date such as 2026-01-31.")
    return "since", moment


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_key() -> str:
    """Return the API key; never from the command line, which every process can see."""
    given = os.environ.get("CLARIUS_API_KEY", "")
    if given:
        return given.strip()
    if sys.stdin.isatty():
        return getpass.getpass("API key: ").strip()
    return sys.stdin.readline().strip()
