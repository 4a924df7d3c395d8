"""Delete files that no row names and that are older than a day."""

from typing import Any

from django.core.management.base import BaseCommand

from exams.services.maintenance.cleaning import collect_files


class Command(BaseCommand):
    """Delete orphaned files now; a worker does this once a day."""

    help = "Delete temporary and orphaned files that are older than a day."

    def handle(self, *args: Any, **options: Any) -> None:
        print(f"{collect_files()} files deleted")
