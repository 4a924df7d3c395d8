"""The embedded worker as a process, on settings with little but the background."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from portal.management.commands.worker import Command  # noqa: E402

call_command(Command())
