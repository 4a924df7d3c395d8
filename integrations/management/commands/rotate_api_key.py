"""Rotate the API key of a service."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from background.runner import run
from integrations.models import KeyRotation, Service
from integrations.services.changing import NotDone
from integrations.services.keys.listing import open_rotation
from integrations.services.keys.rotation import ROTATE, retry_rotation, start_rotation

# A step usually takes less than a second.
LOOK_EVERY_SECONDS = 2.0


class Command(BaseCommand):
    """Start or continue a rotation, and wait for its end unless `--no-wait` is given."""

    help = (
        "Rotate the API key of a service: create a new key, test it, use it, then revoke the old key. "
        "You can stop the command at any time: a worker continues."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("slug", help="short name of the service")
        parser.add_argument(
            "--no-wait",
            action="store_true",
            help="start the rotation and return; a worker does the rest",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate; raises CommandError with one sentence."""
        service = Service.objects.filter(slug=options["slug"]).first()
        if service is None:
            raise CommandError("There is no service with this slug.")
        rotation = open_rotation(service=service)
        try:
            if rotation is None:
                rotation = start_rotation(service=service, cause="command")
            else:
                retry_rotation(rotation=rotation, user=None, address=None)
        except NotDone as error:
            raise CommandError(str(error)) from None
        self._follow(rotation, has_to_wait=not options["no_wait"])

    def _follow(self, rotation: KeyRotation, *, has_to_wait: bool) -> None:
        printed = ""
        while True:
            run(ROTATE, pk=rotation.pk)
            rotation.refresh_from_db()
            line = f"{rotation.get_step_display()}. {rotation.problem}".strip()
            if line != printed:
                printed = line
                self.stdout.write(f"{rotation.old_prefix or '…'} → {rotation.new_prefix or '…'}: {line}")
            if rotation.step == KeyRotation.Step.DONE:
                return
            if rotation.step == KeyRotation.Step.FAILED:
                raise CommandError(rotation.problem)
            if not has_to_wait:
                self.stdout.write("A worker continues.")
                return
            time.sleep(LOOK_EVERY_SECONDS)
