"""Actions on submissions and reports that need a person."""

from exams.models import Report, Submission
from exams.services.holds import holding
from exams.services.maintenance._giving_up import (
    give_up_reports,
    give_up_submissions,
    mark_arrived,
    send_reports_again,
)
from foundation.actions import Action

S, R = Submission.State, Report.State

RETRY = Action(
    name="retry",
    title="Fetch again?",
    explanation="Failed submissions are fetched again, with new attempts. Stored files are kept.",
    button="Fetch again",
    message="are fetched again",
    service=holding.retry_submissions,
)
RESUME = Action(
    name="resume",
    title="Resume held submissions?",
    explanation="They are fetched, newest first, and shown to the reviewers of their service. A submission "
    "stays held if Clarius Cloud does not list it or if its address is not the service's.",
    button="Resume",
    message="were resumed",
    service=holding.resume_submissions,
)
STOP = Action(
    name="stop",
    title="Hold submissions?",
    explanation="Fetching stops. Only administrators see them until someone resumes them. Signed reports "
    "that were not sent yet are held as well.",
    button="Hold",
    message="are held",
    service=holding.stop_submissions,
    warning="Reviewers viewing one of these will lose access.",
    is_grave=True,
)
GIVE_UP = Action(
    name="give_up",
    title="Give up submissions?",
    explanation="Failed and held submissions keep their state and leave the list of problems; fetching "
    "ends. You can fetch or resume them at any time.",
    button="Give up",
    message="were given up",
    service=give_up_submissions,
    is_grave=True,
)
SEND_AGAIN = Action(
    name="send_again",
    title="Send reports again?",
    explanation="Reports that Clarius Cloud did not accept are sent again.",
    button="Send again",
    message="wait to be sent again",
    service=send_reports_again,
    warning="A report whose delivery is uncertain may have arrived. Sending it again can put it into the "
    "patient's record twice: look in Clarius Cloud first, and mark the report as arrived if it is there.",
    is_grave=True,
)
MARK_ARRIVED = Action(
    name="mark_arrived",
    title="Mark uncertain reports as arrived?",
    explanation="Choose this if you found the reports in Clarius Cloud. They count as delivered, and their "
    "clinicians are notified.",
    button="Mark as arrived",
    message="count as delivered",
    service=mark_arrived,
)
GIVE_UP_REPORTS = Action(
    name="give_up",
    title="Give up reports?",
    explanation="They are not sent and leave the list of problems. Clinicians can still read them here.",
    button="Give up",
    message="were given up",
    service=give_up_reports,
    is_grave=True,
)

OF_SUBMISSIONS = {each.name: each for each in (RETRY, RESUME, STOP, GIVE_UP)}
OF_REPORTS = {each.name: each for each in (SEND_AGAIN, MARK_ARRIVED, GIVE_UP_REPORTS)}

# By state: what is offered on the page of one row.
_OFFERS: dict[type, dict[str, tuple[Action, ...]]] = {
    Submission: {
        S.RECEIVED: (STOP, GIVE_UP),
        S.HELD: (RESUME, GIVE_UP),
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
