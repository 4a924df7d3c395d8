"""Tasks carry the verb of the service they call and do nothing else."""

from celery import shared_task

from background.runner import register
from exams.services import chores, delivery, fetch, polling, previews, releases, rereading


@shared_task(name="exams.fetch_submission", ignore_result=True)
def fetch_submission(pk: int) -> None:
    """Confirm and fetch one submission."""
    fetch.fetch_submission(pk=pk)


@shared_task(name="exams.deliver_report", ignore_result=True)
def deliver_report(pk: int) -> None:
    """Send one signed report to the Cloud."""
    delivery.deliver_report(pk=pk)


@shared_task(name="exams.poll_service", ignore_result=True)
def poll_service(pk: int) -> None:
    """Walk the list of one service."""
    polling.poll_service(pk=pk)


@shared_task(name="exams.release_early", ignore_result=True)
def release_early(pk: int) -> None:
    """Let the next exams of a release through."""
    releases.release_early(pk=pk)


@shared_task(name="exams.read_again", ignore_result=True)
def read_again(pk: int) -> None:
    """Read the stored answers of a service by its changed field map."""
    rereading.read_again(pk=pk)


register(previews.PREVIEW, chores.MAINTAIN)
