"""Tasks carry the verb of the service they call and do nothing else."""

from celery import shared_task

from integrations.services import confirmation, mirrors, remote_state, rotation


@shared_task(name="integrations.confirm_link", ignore_result=True)
def confirm_link(pk: int) -> None:
    """Confirm one link."""
    confirmation.confirm_link(pk=pk)


@shared_task(name="integrations.rotate_key", ignore_result=True)
def rotate_key(pk: int) -> None:
    """Go on with one replacement of a key."""
    rotation.rotate_key(pk=pk)


@shared_task(name="integrations.read_remote", ignore_result=True)
def read_remote(pk: int) -> None:
    """Look at one service's settings and keys at the Cloud."""
    remote_state.look(pk=pk)


@shared_task(name="integrations.read_mirror", ignore_result=True)
def read_mirror(pk: int) -> None:
    """Read one of a service's remote lists."""
    mirrors.read_mirror(pk=pk)
