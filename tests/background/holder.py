"""A process that leases a row until it notices that it lost it, and then tries to write."""

import sys
import time

import django

django.setup()

from background.leases import LeaseLost, acquire, holding  # noqa: E402
from tests.background.rows import Work  # noqa: E402
from tests.background.service import complete  # noqa: E402

lease = acquire(model=Work, pk=int(sys.argv[1]), seconds=1)
assert lease is not None
with holding(lease=lease, deadline_seconds=60) as hold:
    print("leased", flush=True)
    try:
        while True:
            time.sleep(0.05)
            hold.check()
    except LeaseLost:
        print("lost", flush=True)
try:
    complete(lease)
except LeaseLost:
    print("fenced", flush=True)
