"""The settings as they are with certain variables of the environment."""

import os
import runpy
from typing import Any

import pytest

from tests.processes import ROOT

# Every variable without which the portal does not start.
GOOD = {
    "SECRET_KEY": "k9fJ2mQ7xW4bT6zR1vN8cL3hY5pD0sGa",
    "TOKEN_LOOKUP_KEY": "a0Gs5pD3hYcLvN81R6zTb4Wx7Qm2Jf9k",
    "FIELD_ENCRYPTION_KEYS": "c3VpdGUtb25seS1zdWl0ZS1vbmx5LXN1aXRlLW9ubHk=",
}


def load_settings(**variables: str) -> dict[str, Any]:
    """Read the settings with these variables and no others; raises ImproperlyConfigured."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        return runpy.run_path(str(ROOT / "portal/settings.py"))
