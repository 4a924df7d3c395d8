"""What `manage.py doctor` says where the settings cannot be read: a finding in place of a traceback."""

import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.health.report import FAILED, Line, report


def look_at_settings(arguments: Sequence[str]) -> None:
    """Read the settings; where they refuse, print why as a finding and end the process with 1."""
    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        # These messages say what to set and quote nothing.
        sentence = str(error)
    except ValueError as error:
        sentence = f"A setting cannot be read ({type(error).__name__}). Compare them with .env.example."
    else:
        return
    sys.stdout.write(report([Line("settings", FAILED, sentence)], as_json="--json" in arguments) + "\n")
    sys.exit("CommandError: 1 of 1 checks failed.")
