"""The sandbox's settings in a temporary folder."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="sandbox-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
for name in [each for each in os.environ if each.startswith("SANDBOX_")]:
    del os.environ[name]
os.environ["SANDBOX_DIR"] = _folder

from sandbox.settings import *  # noqa: E402, F403
from sandbox.settings import DATABASES, SANDBOX_DIR  # noqa: E402

# A file, since notifications are recorded by threads of their own.
DATABASES["default"]["TEST"] = {"NAME": str(SANDBOX_DIR / "test.sqlite3")}
