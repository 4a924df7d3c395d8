"""The command line of the portal: `integrator-portal`, `python -m portal` and `manage.py` are the same."""

import importlib
import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

# They run until a signal; once they have started, each stops in its own orderly way.
SERVERS = {"serve", "worker", "sandbox"}


def main() -> None:
    """Run the command that the arguments name; the sandbox is a site of its own."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in SERVERS:
        _end_on_signals()
    if command == "sandbox":
        os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if command == "demo":
        # `demo run COMMAND …` is any other command on the demo's data.
        is_run = sys.argv[2:3] == ["run"]
        # The secrets must be there before the settings are read.
        importlib.import_module("portal.demo.environment").prepare_environment(is_started=is_run)
        if is_run:
            del sys.argv[1:3]
    if command == "doctor":
        # Settings that cannot be read are a finding, too.
        importlib.import_module("portal.pages.settings_check").check_settings(sys.argv)
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        # Ctrl-C is no fault of the program, so it prints no traceback.
        sys.exit(128 + signal.SIGINT)
    except ImproperlyConfigured as error:
        # The sentence names the variable and what to set; a traceback would hide it.
        sys.exit(str(error))


def _end_on_signals() -> None:
    """Let a signal end a server that still starts; there is nothing to finish yet."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # The system ignores signals without a handler for the first process of a container.
        is_first = os.getpid() == 1
        signal.signal(number, (lambda number, frame: os._exit(128 + number)) if is_first else signal.SIG_DFL)


if __name__ == "__main__":
    main()
