"""A separate worker process that does one job on the database of the test that starts it."""

import json
import os
import sys

import django
from django.conf import settings

django.setup()
settings.DATABASES["default"] |= json.loads(os.environ["TEST_DATABASE"])

from background.runner import run  # noqa: E402
from exams.services.fetch.job import FETCH  # noqa: E402
from exams.services.reports.delivery import DELIVER  # noqa: E402
from exams.services.reports.pages import RENDER_PAGES  # noqa: E402
from tests.exams.crash_points import die_at  # noqa: E402

if len(sys.argv) > 3:
    die_at(sys.argv[3])

JOBS = {"fetch": FETCH, "deliver": DELIVER, "pages": RENDER_PAGES}
run(JOBS[sys.argv[1]], pk=int(sys.argv[2]))
