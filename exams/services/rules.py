"""Rules that turn an error into its meaning for an exam: whether to retry, how long, and the reason shown."""

from datetime import timedelta

from exams.states import Failure as F
from exams.storage import DiskFull, NotWritable
from integrations.clarius import errors
from integrations.cloud import AWAY, Means, Rule

# The Cloud may take this long to prepare an exam, counted from its first answer that the exam is not ready.
PATIENCE = timedelta(hours=24)
# The only status that means that an exam will not come back.
GONE = frozenset({410})
# The Cloud may answer with any of these while it prepares an exam.
NOT_YET = frozenset({400, 404, 408, 409, 425})

# The first rule that matches decides.
DATA_RULES: tuple[Rule, ...] = (
    *AWAY,
    Rule(errors.NotFound, Means.NEVER, F.DATA_GONE, status=GONE),
    Rule((errors.NotFound, errors.Rejected), Means.NOT_READY, F.DATA_NOT_READY, status=NOT_YET),
    Rule((errors.ServerError, errors.Timeout, errors.Truncated), Means.NOT_READY, F.DATA_AWAY),
    Rule(errors.KeyRefused, Means.COUNT, F.DATA_REFUSED),
    Rule(errors.TooLarge, Means.NEVER, F.DATA_TOO_LARGE),
    Rule(errors.ProtocolError, Means.COUNT, F.DATA_UNREADABLE),
    Rule(errors.ClariusError, Means.COUNT, F.DATA_FAILED),
)
# No answer is final for a notification: it waits a day for the Cloud to list its exam.
CONFIRM_RULES: tuple[Rule, ...] = (
    *AWAY,
    Rule((errors.KeyRefused, errors.NotFound), Means.NOT_READY, F.CUSTOMER_REFUSED),
    Rule(errors.ClariusError, Means.NOT_READY, F.LIST_FAILED),
)
MEDIA_RULES: tuple[Rule, ...] = (
    *AWAY,
    Rule(DiskFull, Means.WAIT, F.NO_ROOM),
    Rule(NotWritable, Means.WAIT, F.NOT_WRITABLE),
    Rule((errors.ServerError, errors.Timeout), Means.NOT_READY, F.FILE_AWAY),
    Rule(errors.Truncated, Means.NOT_READY, F.FILE_INCOMPLETE),
    Rule(errors.LinkDead, Means.NOT_READY, F.LINK_DEAD),
    Rule(errors.TooLarge, Means.NEVER, F.FILE_TOO_LARGE),
    Rule(errors.BlockedByPolicy, Means.NEVER, F.FILE_BLOCKED),
    Rule(errors.EmptyFile, Means.NEVER, F.FILE_EMPTY),
    Rule(errors.ProtocolError, Means.NEVER, F.FILE_TYPE),
    Rule(Exception, Means.COUNT, F.FILE_FAILED),
)
