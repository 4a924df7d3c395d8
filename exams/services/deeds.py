"""What can be done to submissions and reports that do not get on by themselves."""

from exams.models import Report, Submission
from exams.services import holds, work
from foundation.actions import Action

S, R = Submission.State, Report.State

RETRY = Action(
    name="retry",
    title="Fetch again?",
    explanation="Failed submissions are fetched again, with fresh attempts. Files that are here stay.",
    button="Fetch again",
    told="are fetched again",
    service=holds.retry_submissions,
)
RELEASE = Action(
    name="release",
    title="Let held submissions through?",
    explanation="They are fetched, newest first, and shown to the reviewers of their service. A submission "
    "that the Cloud does not list, or whose address is foreign, stays held.",
    button="Release",
    told="were released",
    service=holds.release_submissions,
)
STOP = Action(
    name="stop",
    title="Stop submissions?",
    explanation="They are held, and nobody outside the administration sees them until they are released. "
    "Signed reports that are not sent yet wait as well.",
    button="Stop",
    told="were stopped",
    service=holds.stop_submissions,
    warning="Reviewers who have one of them open lose it.",
    is_grave=True,
)
GIVE_UP = Action(
    name="give_up",
    title="Give submissions up?",
    explanation="Failed and held ones stay as they are and leave the work list; fetching is ended. They can "
    "be fetched again or released at any time.",
    button="Give up",
    told="were given up",
    service=work.give_up_submissions,
    is_grave=True,
)
SEND_AGAIN = Action(
    name="send_again",
    title="Send reports again?",
    explanation="Reports that Clarius Cloud did not take are sent once more.",
    button="Send again",
    told="wait to be sent again",
    service=work.send_reports_again,
    warning="A report whose delivery is uncertain may have arrived. Sending it again can put it into the "
    "patient's record twice: look in Clarius Cloud first, and mark as arrived what is there.",
    is_grave=True,
)
MARK_ARRIVED = Action(
    name="mark_arrived",
    title="Mark uncertain reports as arrived?",
    explanation="You saw these reports in Clarius Cloud. They count as delivered; their clinicians are told.",
    button="Mark as arrived",
    told="count as delivered",
    service=work.mark_arrived,
)
GIVE_UP_REPORTS = Action(
    name="give_up",
    title="Give reports up?",
    explanation="They are not sent any more and leave the work list. Clinicians still read them here.",
    button="Give up",
    told="were given up",
    service=work.give_up_reports,
    is_grave=True,
)

OF_SUBMISSIONS = {each.name: each for each in (RETRY, RELEASE, STOP, GIVE_UP)}
OF_REPORTS = {each.name: each for each in (SEND_AGAIN, MARK_ARRIVED, GIVE_UP_REPORTS)}

# By state: what is offered on the page of one row.
_OFFERS: dict[type, dict[str, tuple[Action, ...]]] = {
    Submission: {
        S.RECEIVED: (STOP, GIVE_UP),
        S.HELD: (RELEASE, GIVE_UP),
        S.FETCHING: (STOP, GIVE_UP),
        S.READY: (STOP,),
        S.FAILED: (RETRY, STOP, GIVE_UP),
    },
    Report: {
        R.SIGNED: (GIVE_UP_REPORTS,),
        R.FAILED: (SEND_AGAIN, GIVE_UP_REPORTS),
        R.UNCERTAIN: (MARK_ARRIVED, SEND_AGAIN, GIVE_UP_REPORTS),
    },
}


def offers(row: Submission | Report) -> tuple[Action, ...]:
    """Return what can be done to this row in its state."""
    found = _OFFERS[type(row)].get(row.state, ())
    return tuple(each for each in found if each.name != GIVE_UP.name or row.given_up_at is None)
