"""Maintenance tasks that repeat: one worker runs each, and then it is due again later."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models.functions import Now

from background.leases import Hold
from background.runner import Done, Job, Later, Outcome
from exams.models import MaintenanceTask
from exams.services.maintenance.cleaning import collect_files
from exams.services.maintenance.verifying import verify_files
from foundation.sessions import SessionStore
from integrations.services.linking.signups import remove_signups

# After a disk was unavailable, or the work took too long.
AGAIN = timedelta(hours=1)


def _clear_sessions(hold: Hold) -> str:
    SessionStore.clear_expired()
    return "expired sessions removed"


# The work of each task, which returns its result for administrators, and the time until it is due again.
TASKS: dict[str, tuple[Callable[[Hold], str], timedelta]] = {
    MaintenanceTask.Name.CLEAR_SESSIONS: (_clear_sessions, timedelta(days=1)),
    MaintenanceTask.Name.COLLECT_FILES: (lambda hold: f"{collect_files()} files removed", timedelta(days=1)),
    MaintenanceTask.Name.VERIFY_FILES: (lambda hold: str(verify_files(check=hold.check)), timedelta(days=7)),
    # Often, since until then an address that somebody else signed up with has an account.
    MaintenanceTask.Name.REMOVE_SIGNUPS: (
        lambda hold: f"{remove_signups()} accounts removed",
        timedelta(hours=1),
    ),
}


def _maintain(task: MaintenanceTask, hold: Hold) -> Outcome:
    work, pause = TASKS[task.name]
    try:
        result = work(hold)
    except OSError as error:
        return Later(AGAIN, changes={"result": f"interrupted: {type(error).__name__}"})
    return Done({"done_at": Now(), "result": result}, again_in=pause)


MAINTAIN = Job(
    name="exams.do_maintenance",
    model=MaintenanceTask,
    work=_maintain,
    # Hashing a sample of the files takes minutes; slow disks get more.
    deadline=timedelta(hours=1),
    # Maintenance never ends.
    tries=None,
    overtime=lambda task, hold: Later(AGAIN, changes={"result": "interrupted: DeadlineExceeded"}),
)
