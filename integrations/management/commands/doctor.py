"""Say in plain words what is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from integrations.models import Service
from integrations.services.doctor.examine import examine
from integrations.services.doctor.findings import Finding, count_failed, failed, report


class Command(BaseCommand):
    """Check the portal and its services; exit code 1 when anything failed."""

    help = "Check the portal and its services and say in plain words what is wrong."
    # The examination itself says what a system check would stop on.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("slug", nargs="?", help="look at this service only; all services otherwise")
        parser.add_argument("--service", help="the same as an option")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings; raises CommandError when one of them failed."""
        findings = _examine(options["slug"] or options["service"])
        wrong = count_failed(findings)
        self.stdout.write(report(findings, as_json=options["json"]))
        if wrong:
            raise CommandError(f"{wrong} of {len(findings)} checks failed.")
        if not options["json"]:
            self.stdout.write("All is well.")


def _examine(slug: str | None) -> list[Finding]:
    services = _services(slug)
    findings = examine(services=services)
    # Where the database does not answer, nobody knows.
    is_asked = any(each.name == "services" for each in findings)
    if slug is not None and not services and is_asked:
        findings.append(failed("service", "There is no service of this slug.", service=slug))
    return findings


def _services(slug: str | None) -> list[Service]:
    try:
        rows = Service.objects.in_use() if slug is None else Service.objects.filter(slug=slug)
        return list(rows.order_by("slug"))
    except DatabaseError:
        # The first finding tells of it.
        return []
