"""Poll the Cloud's list now, in this process."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exams.services.intake.polling import poll_now
from integrations.models import Service

FIGURES = (
    "is_full",
    "is_whole",
    "page_count",
    "seen_count",
    "new_count",
    "known_count",
    "error_count",
    "remote_count",
    "seconds",
)


class Command(BaseCommand):
    """Poll one service, or all active ones."""

    help = "Poll the list of submissions at Clarius Cloud now. A worker then fetches what is new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--service", metavar="SLUG", help="short name of one service; all active ones by default"
        )
        parser.add_argument("--full", action="store_true", help="read the list to its end")
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
            poll_run = poll_now(service=service, is_full=options["full"])
            if poll_run is None:
                service.refresh_from_db()
                reason = service.last_error or "another worker is polling it now."
                failures.append(f"{service.slug}: {reason}")
                continue
            results[service.slug] = {name: getattr(poll_run, name) for name in FIGURES}
            if not options["json"]:
                counts = f"{poll_run.seen_count} listed, {poll_run.new_count} new"
                print(f"{service.slug}: {counts}, {poll_run.error_count} unreadable")
        if options["json"]:
            print(json.dumps(results))
        if failures:
            raise CommandError("\n".join(failures))
