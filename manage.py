#!/usr/bin/env python
"""Django's command line for the portal, and for the sandbox, which is a site of its own."""

import importlib
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) > 1 else ""
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
    execute_from_command_line(sys.argv)
