"""Report unreadable settings as a finding of `manage.py doctor` instead of a traceback."""

import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.health.report import FAILED, Line, report


def check_settings(arguments: Sequence[str]) -> None:
    """Read the settings; if that fails, print the reason as a finding and exit with 1."""
    try:
        _ = settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        # These messages name what to set and quote no secret.
        line = Line("settings", FAILED, str(error))
        sys.stdout.write(report([line], as_json="--json" in arguments) + "\n")
        sys.exit("CommandError: 1 of 1 checks failed.")
