"""Compare links, confirmed tokens and portal accounts now, in this process."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.models import Mirror, Service
from integrations.services.mirrors import read_now
from integrations.services.reconciliation import count_standings


class Command(BaseCommand):
    """Walk the confirmed tokens of one service, or of all active ones."""

    help = "Ask Clarius Cloud which customers are confirmed and compare them with the links held here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--service", metavar="SLUG", help="this service only")
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
            mirror = read_now(service=service, kind=Mirror.Kind.CUSTOMERS)
            if mirror is None or mirror.problem:
                reason = mirror.problem if mirror else "another worker is at it at this moment."
                failures.append(f"{service.slug}: {reason}")
                continue
            counts = count_standings(service=service)
            results[service.slug] = {"listed": mirror.seen_count, **counts}
            if not options["json"]:
                self.stdout.write(f"{service.slug}: {mirror.result}; {_told(counts)}")
        if options["json"]:
            self.stdout.write(json.dumps(results))
        if failures:
            raise CommandError("\n".join(failures))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
