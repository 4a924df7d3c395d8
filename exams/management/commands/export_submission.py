"""Write a submission's original files and a manifest to a folder."""

import json
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exams.models import Submission
from exams.services.maintenance.export import CannotExport, export_submission


class Command(BaseCommand):
    """Export a submission as it was received."""

    help = "Export the captures of a submission as received, and manifest.json with order, types and SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "uuid", type=uuid.UUID, help="UUID of the submission: the portal's, or the Cloud's request_uuid"
        )
        parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="folder to write to")
        parser.add_argument("--demographics", action="store_true", help="include the patient in the manifest")
        parser.add_argument("--json", action="store_true", help="print the manifest")

    def handle(self, *args: Any, **options: Any) -> None:
        submission = Submission.objects.named(options["uuid"]).select_related("exam").first()
        if submission is None:
            raise CommandError("This submission does not exist.")
        try:
            manifest = export_submission(
                submission=submission, folder=options["to"], with_demographics=options["demographics"]
            )
        except (CannotExport, OSError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            print(json.dumps(manifest))
        else:
            stored = [each for each in manifest["captures"] if each["file"]]
            print(f"{len(stored)} of {len(manifest['captures'])} captures written to {options['to']}")
