"""Check that this container's web server answers, under the one host name that it accepts."""

import os
import sys
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

host = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "127.0.0.1:8000"
try:
    urlopen(Request("http://127.0.0.1:8000/health/live/", headers={"Host": host}), timeout=4).close()
except OSError as error:
    # A refused connection, a timeout, or a status that is not a success.
    sys.exit(f"The web server does not answer: {error}")
