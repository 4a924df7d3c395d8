"""Run all checks and print what is wrong; each app registers its own in its `checks` module."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from foundation.checks import Audience, find
from integrations.models import Service
from portal.health.report import FAILED, Line, count_failed, line_of, report


class Command(BaseCommand):
    """Run every check; exit with 1 if one fails that operators must fix."""

    help = "Check the portal and its services, and print what is wrong."
    # A failing system check would stop the command before it reports anything.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("slug", nargs="?", help="check only this service; default: all services")
        parser.add_argument("--service", help="the slug as an option")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings; raises CommandError if one of them failed."""
        lines = _run_checks(options["slug"] or options["service"])
        wrong = count_failed(lines)
        self.stdout.write(report(lines, as_json=options["json"]))
        if wrong:
            raise CommandError(f"{wrong} of {len(lines)} checks failed.")
        if not options["json"]:
            self.stdout.write("All checks passed.")


def _run_checks(slug: str | None) -> list[Line]:
    services: list[Service] | None
    try:
        rows = Service.objects.in_use() if slug is None else Service.objects.filter(slug=slug)
        services = list(rows.order_by("slug"))
    except DatabaseError:
        # The check of the database reports it.
        services = None
    # Findings for administrators are shown only as notes, and only if something is wrong.
    found = [
        each
        for each in find(lambda check: True, subjects=services or [], is_thorough=True)
        if Audience.OPERATORS in each.check.audience or each.outcome == "note"
    ]
    lines = sorted(map(line_of, found), key=lambda each: each.service)
    if slug is not None and services == []:
        lines.append(Line("service", FAILED, "There is no service with this slug.", slug))
    return lines
