"""Read a service's settings and keys hourly, and begin a rotation when the key in use is old."""

from datetime import timedelta

from background.leases import Hold
from background.runner import Done, Job, Outcome
from integrations.cloud import CloudProblem, Code, require_open
from integrations.models import RemoteState
from integrations.services.keys.rotation import rotate_if_old
from integrations.services.settings.remote_state import read_now

# Settings and keys seldom change there; after a change here they are read at once.
LOOK_EVERY = timedelta(hours=1)


def _look(state: RemoteState, hold: Hold) -> Outcome:
    service = state.service
    try:
        require_open(service)
        read_now(service=service)
    except CloudProblem as problem:
        # A paused service is not a problem.
        changes = {} if problem.code == Code.PAUSED else {"problem": str(problem)[:300]}
        return problem.later(cap=LOOK_EVERY, **changes)
    rotate_if_old(service=service)
    return Done({"problem": ""}, again_in=LOOK_EVERY)


LOOK = Job(
    name="integrations.read_remote",
    model=RemoteState,
    work=_look,
    waits_for="service",
    related=("service",),
    # Two calls, and those that try the other keys after a refusal.
    deadline=timedelta(minutes=3),
    tries=None,
)
