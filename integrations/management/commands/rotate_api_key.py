"""Replace the API key in use of a service."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.models import KeyRotation, Service
from integrations.services.rotation import (
    CannotRotate,
    open_rotation,
    retry_rotation,
    rotate_key,
    start_rotation,
)

LOOK_EVERY_SECONDS = 2.0


class Command(BaseCommand):
    """Begin a replacement or go on with one, and wait for its end unless told otherwise."""

    help = (
        "Replace the API key in use: a new one is made, proven and used, then the old one is revoked. "
        "Stopping the command is harmless: the worker goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("slug", help="short name of the service")
        parser.add_argument(
            "--no-wait",
            action="store_true",
            help="return when the new key is in use; the worker does the rest",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate; raises CommandError with one sentence."""
        service = Service.objects.filter(slug=options["slug"]).first()
        if service is None:
            raise CommandError("There is no service of this slug.")
        rotation = open_rotation(service=service)
        if rotation is None:
            rotation = _start(service)
        else:
            retry_rotation(rotation=rotation, user=None, address=None)
        self._follow(rotation, has_to_wait=not options["no_wait"])

    def _follow(self, rotation: KeyRotation, *, has_to_wait: bool) -> None:
        told = ""
        while True:
            rotate_key(pk=rotation.pk)
            rotation.refresh_from_db()
            words = f"{rotation.get_step_display()}. {rotation.problem}".strip()
            if words != told:
                told = words
                self.stdout.write(f"{rotation.old_prefix or '…'} → {rotation.new_prefix or '…'}: {words}")
            if rotation.step == KeyRotation.Step.DONE:
                return
            if rotation.step == KeyRotation.Step.FAILED:
                raise CommandError(rotation.problem)
            if not has_to_wait:
                self.stdout.write("The worker goes on with it.")
                return
            time.sleep(LOOK_EVERY_SECONDS)


def _start(service: Service) -> KeyRotation:
    try:
        return start_rotation(service=service, cause="command")
    except CannotRotate as error:
        raise CommandError(str(error)) from None
