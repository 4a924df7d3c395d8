"""Tasks of this package; each calls one service."""

from celery import shared_task

from background.mail import send_queued_mail


@shared_task(name="background.send_mail", ignore_result=True)
def send_mail(pk: int) -> None:
    """Send one outgoing mail."""
    send_queued_mail(pk=pk)
