"""Verify stored files by hashing them again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exams.services.maintenance.verifying import FilesAway, verify_files


class Command(BaseCommand):
    """Hash stored files now; a worker hashes a sample once a week."""

    help = "Hash a sample of the stored files again. Damaged captures are fetched again from the Cloud."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="hash every file instead of a sample")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = verify_files(is_everything=options["all"])
        except FilesAway as error:
            raise CommandError(str(error)) from None
        print(result)
        if result.damaged:
            raise CommandError("Damaged files were found. The audit log lists them (file.damaged).")
