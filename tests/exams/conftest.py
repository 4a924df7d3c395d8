"""A linked customer at the running sandbox, and a worker in this process."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from background.due import is_due
from background.runner import run
from exams.models import Report, Submission
from exams.services.fetch.job import FETCH
from exams.services.intake.polling import PollRun, poll_now
from exams.services.reports.delivery import DELIVER
from integrations.models import Customer, Service
from tests.around import Around, around
from tests.cloud import Cloud, CloudCustomer, CloudSubmission
from tests.exams.rows import make_customer

__all__ = ["Portal", "around"]


@dataclass
class Portal:
    """The portal's side of one service: its worker, one step at a time."""

    service: Service
    cloud: Cloud

    def poll(self, *, is_full: bool = False) -> PollRun | None:
        """Poll the list now."""
        return poll_now(service=self.service, is_full=is_full)

    def work(self) -> None:
        """Process every due submission and report once."""
        for pk in list(Submission.objects.filter(is_due()).values_list("pk", flat=True)):
            run(FETCH, pk=pk)
        for pk in list(Report.objects.filter(is_due()).values_list("pk", flat=True)):
            run(DELIVER, pk=pk)

    def make_due(self) -> None:
        """Make everything due that waits for its next attempt."""
        for model in (Submission, Report):
            waiting = model.objects.filter(not_before__isnull=False)
            waiting.update(not_before="2020-01-01T00:00:00Z")
        Customer.objects.update(asked_at=None)

    def receive(self, sent: CloudSubmission) -> Submission:
        """Poll and fetch, and return the submission."""
        self.poll()
        self.work()
        return self.row(sent)

    def row(self, sent: CloudSubmission) -> Submission:
        return Submission.objects.get(request_uuid=sent.request_uuid)


@pytest.fixture
def media_root(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MIN_FREE_MB = 0
    return tmp_path / "media"


@pytest.fixture
def portal(transactional_db: None, media_root: Path, cloud_service: Service, cloud: Cloud) -> Portal:
    return Portal(service=cloud_service, cloud=cloud)


@pytest.fixture
def clinician(cloud: Cloud, portal: Portal) -> CloudCustomer:
    """A customer who is linked here and confirmed at the Cloud."""
    customer = cloud.add_customer(is_confirmed=True)
    make_customer(portal.service, token=customer.token)
    return customer


@pytest.fixture
def submit(cloud: Cloud, clinician: CloudCustomer) -> Callable[..., CloudSubmission]:
    """Let the clinician submit an exam; no notification is sent."""

    def send(**options: Any) -> CloudSubmission:
        options.setdefault("customer", clinician)
        return cloud.submit(**(options | {"is_notified": False}))

    return send


@pytest.fixture
def pages_of_two(around: Around) -> None:
    """Make pages of the list so short that a poll run reads several."""
    around.call("exam_pages", lambda real: real(limit=2))


@pytest.fixture
def before_the_first_file(around: Around) -> Callable[[Callable[[], object]], None]:
    """Call something in the thread that is about to fetch the first file, while the others wait."""
    lock, acted = threading.Lock(), []

    def arrange(act: Callable[[], object]) -> None:
        def download(real: Any, *args: Any, **options: Any) -> Any:
            with lock:
                if not acted:
                    acted.append(True)
                    try:
                        act()
                    finally:
                        connection.close()
            return real(*args, **options)

        around.download(download)

    return arrange
