"""Ask the Cloud for its list now, in this process."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exams.services.polling import poll_now
from integrations.models import Service


class Command(BaseCommand):
    """Walk the list of one service, or of all active ones."""

    help = "Ask Clarius Cloud for its list of submissions now; what is new is then fetched by the worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--service", metavar="SLUG", help="this service only")
        parser.add_argument("--full", action="store_true", help="walk to the end of the list")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        services = Service.objects.filter(is_active=True).order_by("slug")
        if options["service"]:
            services = services.filter(slug=options["service"])
        if not services.exists():
            raise CommandError("There is no such active service.")
        results: dict[str, Any] = {}
        failures = []
        for service in services:
            walk = poll_now(service=service, is_full=options["full"])
            if walk is None:
                service.refresh_from_db()
                reason = service.last_error or "another worker is asking at this moment."
                failures.append(f"{service.slug}: {reason}")
                continue
            results[service.slug] = {name: value for name, value in asdict(walk).items() if name != "calls"}
            if not options["json"]:
                print(f"{service.slug}: {walk.seen} listed, {walk.new} new, {walk.error_count} unreadable")
        if options["json"]:
            print(json.dumps(results))
        if failures:
            raise CommandError("\n".join(failures))
