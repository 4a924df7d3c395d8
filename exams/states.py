"""States of exams, captures and reports, and the reasons for holds and failures, with a sentence for each."""

from django.db.models import TextChoices


class SubmissionState(TextChoices):
    RECEIVED = "received", "received"
    HELD = "held", "held"
    FETCHING = "fetching", "fetching"
    READY = "ready", "ready"
    FAILED = "failed", "failed"


class Hold(TextChoices):
    """Reasons to keep a submission without fetching it."""

    UNCONFIRMED = "unconfirmed", "not yet confirmed by the Cloud"
    NOT_LISTED = "not_listed", "the Cloud does not list it"
    UNLINKED = "unlinked", "no portal account holds this customer"
    FOREIGN_URL = "foreign_url", "its download address is not the service's"
    BEFORE_START = "before_start", "submitted before the service was connected"
    STOPPED = "stopped", "stopped by an administrator"


class CaptureState(TextChoices):
    PENDING = "pending", "waiting"
    STORED = "stored", "stored"
    FAILED = "failed", "failed"


class ReportState(TextChoices):
    DRAFT = "draft", "draft"
    SIGNED = "signed", "signed, waiting to be sent"
    SENDING = "sending", "being sent"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "not delivered"
    UNCERTAIN = "uncertain", "delivery uncertain"


class Failure(TextChoices):
    """Reasons for which an exam or one of its captures has not arrived."""

    # The whole service, or the portal's own disk, is unavailable.
    NO_ROOM = "no_room", "Storage is full. Fetching resumes automatically when space is available."
    NOT_WRITABLE = "not_writable", "Storage cannot be written. Fetching resumes automatically."
    NO_KEY = "no_key", "The service has no usable API key. An administrator needs to add one."
    KEY_REFUSED = "key_refused", "Clarius Cloud refuses the API key."
    KEY_UNKNOWN = (
        "key_unknown",
        "Clarius Cloud did not accept the API key. The portal tries again automatically.",
    )
    PAUSED = "paused", "The service is paused."
    UNREACHABLE = "unreachable", "Clarius Cloud cannot be reached. The portal tries again automatically."
    THROTTLED = "throttled", "Clarius Cloud asked for fewer calls. The portal tries again automatically."
    # The exam's data.
    DATA_AWAY = (
        "data_away",
        "Clarius Cloud could not provide the exam's data. The portal tries again automatically.",
    )
    DATA_NOT_READY = "data_not_ready", "Clarius Cloud does not have the exam's data ready yet."
    DATA_GONE = "data_gone", "Clarius Cloud no longer has this exam."
    DATA_REFUSED = "data_refused", "Clarius Cloud refuses access to this exam."
    DATA_TOO_LARGE = "data_too_large", "The exam's data is larger than the portal accepts."
    DATA_UNREADABLE = "data_unreadable", "Clarius Cloud answered with something other than exam data."
    DATA_FAILED = "data_failed", "The exam's data could not be fetched."
    NO_CAPTURE_LIST = (
        "no_capture_list",
        "Clarius Cloud sent the patient but no readable list of captures. The portal asks again for a day.",
    )
    OTHER_SUBMISSION = "other_submission", "Clarius Cloud answered with another submission."
    # The list that confirms a notification.
    CUSTOMER_REFUSED = (
        "customer_refused",
        "Clarius Cloud does not list exams for the customer that the notification names.",
    )
    LIST_FAILED = (
        "list_failed",
        "Clarius Cloud could not list the customer's exams. The portal tries again automatically.",
    )
    # Its files.
    FILE_AWAY = "file_away", "The file could not be fetched yet. The portal tries again automatically."
    FILE_INCOMPLETE = "file_incomplete", "The file arrived incomplete. The portal tries again automatically."
    LINK_DEAD = "link_dead", "The link to the file no longer works."
    FILE_TOO_LARGE = "file_too_large", "The file is larger than the portal accepts."
    FILE_BLOCKED = "file_blocked", "The portal is not allowed to call the file's address."
    LINK_MISSING = "link_missing", "Clarius Cloud listed this capture without a readable link."
    FILE_EMPTY = "file_empty", "The server sent an empty file."
    FILE_TYPE = "file_type", "The server sent something other than an image or a video."
    FILE_FAILED = "file_failed", "The file could not be fetched."
    FILE_DAMAGED = "file_damaged", "The stored file was damaged. The portal fetches it again automatically."
    NOT_LISTED = "not_listed", "Clarius Cloud no longer lists this capture."
    # The outcome of an attempt.
    INCOMPLETE = "incomplete", "Not every capture arrived."
    MORE_TO_COME = "more_to_come", "A capture is still to be fetched. The portal continues automatically."
    TOO_MANY_TRIES = "too_many_tries", "The exam could not be fetched."
    NOT_CHECKED_UNLINKED = "not_checked_unlinked", "Not checked again: no portal account holds this customer."
    NOT_CHECKED_FOREIGN = (
        "not_checked_foreign",
        "Not checked again: its download address is not the service's.",
    )
    GIVEN_UP = "given_up", "An administrator gave it up."


class ReportFailure(TextChoices):
    """Reasons for which a report has not been delivered, or may not have been."""

    UNCERTAIN = (
        "uncertain",
        "The report was sent, but Clarius Cloud did not confirm it: it may have arrived. "
        "Check in Clarius Cloud before you send it again.",
    )
    ALREADY_THERE = (
        "already_there",
        "Clarius Cloud already has such a report: it was delivered earlier, or from elsewhere. "
        "Check in Clarius Cloud before you send it again.",
    )
    REFUSED = "refused", "Clarius Cloud did not accept the report."
    NAME_REFUSED = "name_refused", "Clarius Cloud did not accept the report's name."
    TOO_LARGE = "too_large", "The report is larger than Clarius Cloud accepts."
    TOO_MANY_TRIES = "too_many_tries", "The report could not be sent."
    FILE_UNREADABLE = "file_unreadable", "The report's file could not be read."
    EXAM_HELD = "exam_held", "The exam is held. The report is sent when the exam is resumed."
    AWAY = (
        "away",
        "Clarius Cloud cannot accept the report at the moment. The portal tries again automatically.",
    )
    GIVEN_UP = "given_up", "An administrator gave it up."


class Tick(TextChoices):
    """What a signer confirms because the portal cannot show it, or because it is unusual."""

    READ_OUTSIDE = "read_outside", "I have read the whole document outside the portal."
    MISSING = "missing", "I sign although captures are missing."
    NOT_SHOWN = "not_shown", "I have viewed the captures that the portal cannot show in another program."
    SUPERSEDED = "superseded", "I report on this submission, although the exam has a newer one."
    IDENTITY = "identity", "I have checked the patient’s identity, although it looks like another patient."
