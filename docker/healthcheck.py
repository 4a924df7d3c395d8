"""Ask this container's web server whether it lives, under the one host name that it answers to."""

import os
import sys
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

host = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "127.0.0.1:8000"
try:
    urlopen(Request("http://127.0.0.1:8000/health/live/", headers={"Host": host}), timeout=4).close()
except OSError as error:
    # A refused connection, silence, and every status that is not one of success.
    sys.exit(f"The web server does not answer as it should: {error}")
