"""Compare confirmed tokens, links and portal accounts now, in this process."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.models import Customer, Service, Sync
from integrations.services.sync import read_now


class Command(BaseCommand):
    """Read the confirmed tokens of one service, or of all active ones."""

    help = "Read which customers Clarius Cloud has confirmed and compare them with the links in the portal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--service", metavar="SLUG", help="short name of one service; all active ones by default"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        services = Service.objects.in_use().order_by("slug")
        if options["service"]:
            services = services.filter(slug=options["service"])
        if not services.exists():
            raise CommandError("There is no such active service.")
        results: dict[str, Any] = {}
        failures = []
        for service in services:
            sync = read_now(service=service, kind=Sync.Kind.CUSTOMERS)
            if sync is None or sync.problem:
                reason = sync.problem if sync else "another worker is reading it now."
                failures.append(f"{service.slug}: {reason}")
                continue
            counts = Customer.objects.filter(service=service).count_statuses()
            results[service.slug] = {"listed": sync.seen_count, **counts}
            if not options["json"]:
                found = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
                self.stdout.write(f"{service.slug}: {sync.result}; {', '.join(found)}")
        if options["json"]:
            self.stdout.write(json.dumps(results))
        if failures:
            raise CommandError("\n".join(failures))
