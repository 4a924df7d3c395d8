"""Answer a submission with a report from a program or a shell."""

import getpass
import json
import os
import uuid
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from exams.models import Report, Submission
from exams.permissions import can_review
from exams.services.reports.drafts import InvalidReport, create_draft, sign_report
from exams.services.review.claims import ClaimRefused


class Command(BaseCommand):
    """Sign a file as a report; a worker then sends it to the Cloud."""

    help = "Add a signed report to a submission. A worker sends it to Clarius Cloud."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "uuid", type=uuid.UUID, help="UUID of the submission: the portal's, or the Cloud's request_uuid"
        )
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", required=True, help="name of the report in Clarius Cloud")
        parser.add_argument(
            "--as",
            dest="email",
            metavar="EMAIL",
            help="e-mail address of the reviewer who signs it; without it, the report is signed by command, "
            "with the name of the system's user",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        submission = Submission.objects.visible().named(options["uuid"]).first()
        if submission is None:
            raise CommandError("This submission does not exist, or it is held.")
        author = _author(options["email"], submission)
        try:
            report = _add(submission, author, options["name"], options["file"])
        except (InvalidReport, ClaimRefused) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The file cannot be read ({error.strerror}).") from error
        if options["json"]:
            facts = {"report": str(report.uuid), "state": report.state, "sha256": report.sha256}
            print(json.dumps(facts | {"submission": str(submission.uuid)}))
        else:
            print(f"Report {report.uuid} is signed by {report.signer}. A worker sends it.")


def _author(email: str | None, submission: Submission) -> User | None:
    if not email:
        return None
    user = User.objects.filter(email__iexact=email).first()
    if user is None or not can_review(user, submission):
        raise CommandError("No account with this e-mail address may review the submission.")
    return user


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user without a name.
        return str(os.getuid())


def _add(submission: Submission, author: User | None, name: str, path: Path) -> Report:
    with path.open("rb") as source:
        report = create_draft(
            submission=submission,
            author=author,
            name=name,
            upload=File(source, name=path.name),
            address=None,
            command_user="" if author is not None else _system_user(),
        )
    sign_report(report=report, user=author, address=None, by_program=True)
    report.refresh_from_db()
    return report
