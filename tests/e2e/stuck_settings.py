"""The portal's settings, with the addresses of pages that are stuck."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "tests.e2e.stuck"
