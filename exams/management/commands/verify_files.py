"""Verify stored files by hashing them again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exams.services.maintenance.verifying import FilesAway, verify_files


class Command(BaseCommand):
    """Hash stored files now; a worker hashes a sample once a week."""

    help = (
        "Hash a sample of the stored files again, and name each that is damaged, missing or unreadable. "
        "Damaged captures are fetched again from the Cloud; previews and pages of reports are made again. "
        "With --all, also name the files that are unknown to the database; they are deleted a day after "
        "they were written. Exits with 1 if a file is not as it was stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="hash every file instead of a sample")
        parser.add_argument("--dry-run", action="store_true", help="only name the files; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = verify_files(
                is_everything=options["all"], is_dry=options["dry_run"], tell=self.stdout.write
            )
        except FilesAway as error:
            raise CommandError(str(error)) from None
        self.stdout.write(str(result))
        if result.is_whole:
            return
        if options["dry_run"]:
            raise CommandError("These files are not as they were stored. Nothing was changed.")
        raise CommandError(
            "These files are not as they were stored. Captures are fetched again, and previews and pages are "
            "made again. Restore damaged reports from a backup. The audit log lists captures and reports "
            "(file.damaged)."
        )
