"""Ask this container's web server whether it lives, under the one host name that it answers to."""

import os
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

host = urlsplit(os.environ.get("PUBLIC_URL", "")).netloc or "127.0.0.1:8000"
urlopen(Request("http://127.0.0.1:8000/health/live/", headers={"Host": host}), timeout=4).close()
