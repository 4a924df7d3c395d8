"""Approve a grant that waits for a second administrator when there is none."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Grant
from accounts.services.grants import CannotGrant, approve_by_command


class Command(BaseCommand):
    """List the grants that wait, or approve one; the approval is audited and announced."""

    help = (
        "Approve a grant that waits for a second administrator. Without an identifier, list those that wait."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identifier", nargs="?", type=UUID, help="the identifier from the list")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise CommandError if the grant cannot be made."""
        waiting = Grant.objects.waiting().select_related("asked_by")
        if options["identifier"] is None:
            for grant in waiting:
                by = grant.asked_by.email if grant.asked_by else "nobody"
                self.stdout.write(f"{grant.uuid}  {grant.what}, asked for by {by}")
            if not waiting:
                self.stdout.write("No grant waits.")
            return
        chosen = waiting.filter(uuid=options["identifier"]).first()
        if chosen is None:
            raise CommandError("No grant with this identifier waits.")
        try:
            approve_by_command(grant=chosen)
        except CannotGrant as error:
            raise CommandError(f"Nothing was granted. {error}") from None
        self.stdout.write(f"Granted: {chosen.what}.")
