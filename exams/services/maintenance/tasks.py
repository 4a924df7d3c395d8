"""Work that comes back by itself: each row is done by one worker, and is due again later."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models.functions import Now

from background.leases import Hold
from background.runner import Done, Job, Later, Outcome
from exams.models import MaintenanceTask
from exams.services.maintenance.cleaning import collect_files
from exams.services.maintenance.verifying import verify_files

# After a disk was away, or there was too much for one go.
AGAIN = timedelta(hours=1)


def _collect(held: Hold) -> str:
    return f"{collect_files()} files removed"


def _verify(held: Hold) -> str:
    return str(verify_files(check=held.check))


# What is done, and how long until it is done again.
TASKS: dict[str, tuple[Callable[[Hold], str], timedelta]] = {
    MaintenanceTask.Name.COLLECT_FILES: (_collect, timedelta(days=1)),
    MaintenanceTask.Name.VERIFY_FILES: (_verify, timedelta(days=7)),
}


def _do(chore: MaintenanceTask, hold: Hold) -> Outcome:
    work, pause = TASKS[chore.name]
    try:
        result = work(hold)
    except OSError as error:
        return Later(AGAIN, changes={"result": f"broken off: {type(error).__name__}"})
    return Done({"done_at": Now(), "result": result}, again_in=pause)


MAINTAIN = Job(
    name="exams.do_maintenance",
    model=MaintenanceTask,
    work=_do,
    # A sample of the files is hashed within minutes; this is for slow disks.
    deadline=timedelta(hours=1),
    tries=None,
    overtime=lambda chore, hold: Later(AGAIN, changes={"result": "broken off: DeadlineExceeded"}),
)
