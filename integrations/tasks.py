"""Tasks carry the verb of the service they call and do nothing else."""

from celery import shared_task

from integrations.services import confirmation


@shared_task(name="integrations.confirm_link", ignore_result=True)
def confirm_link(pk: int) -> None:
    """Confirm one link."""
    confirmation.confirm_link(pk=pk)
