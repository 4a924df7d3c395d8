"""Tasks of the site as a whole; each calls one service."""

from celery import shared_task

from portal.health import digest


@shared_task(name="portal.send_digest", ignore_result=True)
def send_digest(pk: int) -> None:
    """Send the daily mail with the problems."""
    digest.send_digest(pk=pk)
