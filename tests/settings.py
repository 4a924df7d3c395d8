"""The portal's settings with throw-away secrets, so that the tests run without environment variables."""

import os
import tempfile
from pathlib import Path

_scratch = Path(tempfile.mkdtemp(prefix="portal-tests-"))
os.environ.setdefault("SECRET_KEY", "suite-only-0123456789abcdefghijklmnopqrstuvwxyz")
os.environ.setdefault("TOKEN_LOOKUP_KEY", "suite-only-zyxwvutsrqponmlkjihgfedcba9876543210")
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "c3VpdGUtb25seS1zdWl0ZS1vbmx5LXN1aXRlLW9ubHk=")
os.environ.setdefault("EGRESS_ALLOWED_NETWORKS", "127.0.0.1/32")
# The tests' own process may be held by a debugger.
os.environ.setdefault("STUCK_SECONDS", "0")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_scratch / 'portal.sqlite3'}")
os.environ.setdefault("MEDIA_ROOT", str(_scratch / "media"))

from portal.settings import *  # noqa: E402, F403
from portal.settings import DATABASES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STATIC_ROOT = _scratch / "static"
STATIC_ROOT.mkdir()
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file, since a database in memory cannot be shared with the processes that tests start.
    DATABASES["default"]["TEST"] = {"NAME": str(_scratch / "test.sqlite3")}

# Nothing is collected for the test client; it reads each static file where it is, and when it is asked for.
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
