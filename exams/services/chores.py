"""Work that comes back by itself: each row is done by one worker, and is due again later."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models.functions import Now

from background.due import from_now
from background.leases import DeadlineExceeded, Holding, LeaseLost, acquire, finish, holding, release
from exams.models import Chore
from exams.services.cleaning import collect_files
from exams.services.verifying import verify_files

DEADLINE_SECONDS = 60 * 60


def _collect(held: Holding) -> str:
    return f"{collect_files()} files removed"


def _verify(held: Holding) -> str:
    return str(verify_files(check=held.check))


# What is done, and how long until it is done again.
CHORES: dict[str, tuple[Callable[[Holding], str], timedelta]] = {
    Chore.Name.COLLECT_FILES: (_collect, timedelta(days=1)),
    Chore.Name.VERIFY_FILES: (_verify, timedelta(days=7)),
}


def do_chore(*, pk: int) -> None:
    """Do one chore; does nothing when it is not due or another worker is at it."""
    lease = acquire(model=Chore, pk=pk)
    if lease is None:
        return
    work, pause = CHORES[Chore.objects.get(pk=pk).name]
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            result = work(held)
    except LeaseLost:
        return
    except (DeadlineExceeded, OSError) as error:
        release(lease=lease, not_before=from_now(seconds=3600), result=f"broken off: {type(error).__name__}")
        return
    later = from_now(seconds=pause.total_seconds())
    finish(lease=lease, not_before=later, done_at=Now(), result=result, attempt_count=0, first_tried_at=None)
