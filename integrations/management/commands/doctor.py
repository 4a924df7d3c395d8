"""Say in plain words what is wrong."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from integrations.models import Service
from integrations.services.doctor import Finding, Level, examine

MARKS = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.FAILED: "FAILED ", Level.SKIPPED: "skipped"}


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
        findings = examine(services=_services(options["slug"] or options["service"]))
        wrong = [each for each in findings if each.level == Level.FAILED]
        if options["json"]:
            told = {"is_well": not wrong, "findings": [asdict(each) for each in findings]}
            self.stdout.write(json.dumps(told))
        else:
            for each in findings:
                self.stdout.write(_line(each))
        if wrong:
            raise CommandError(f"{len(wrong)} of {len(findings)} checks failed.")
        if not options["json"]:
            self.stdout.write("All is well.")


def _services(slug: str | None) -> list[Service]:
    try:
        if slug is None:
            return list(Service.objects.in_use().order_by("slug"))
        return [Service.objects.get(slug=slug)]
    except Service.DoesNotExist:
        raise CommandError("There is no service of this slug.") from None
    except DatabaseError:
        # The first finding tells of it.
        return []


def _line(finding: Finding) -> str:
    where = f"{finding.service}: " if finding.service else ""
    return f"{MARKS[finding.level]} {where}{finding.name}: {finding.sentence}"
