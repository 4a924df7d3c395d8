"""Mail is sent once, and neither its recipient nor its text reaches a log."""

import logging
import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from audit.models import Entry
from background.mail import SEND, queue_mail, resend_mail
from background.models import OutgoingMail
from background.runner import TRIES, run
from foundation.checks import find_problems
from tests.background.service import in_parallel
from tests.people import logged_in, make_person

# Not the key of the tests.
OTHER_KEY = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
LIST = "/admin/background/outgoingmail/"
RECIPIENT, BODY = "clinician@example.test", "the word is quicksilver"


class RefusingBackend(BaseEmailBackend):
    """A mail server that refuses with the given error."""

    error: Exception = OSError("connection refused")

    def send_messages(self, email_messages: list[mail.EmailMessage]) -> int:
        raise self.error


@pytest.fixture
def refusing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    return monkeypatch


def _queued() -> OutgoingMail:
    return queue_mail(recipient=RECIPIENT, subject="Hello", body=BODY)


@pytest.mark.django_db(transaction=True)
def test_a_message_delivered_three_times_at_once_sends_one_mail() -> None:
    queued = _queued()
    in_parallel(3, lambda: run(SEND, pk=queued.pk))
    queued.refresh_from_db()
    assert (queued.state, queued.not_before) == (OutgoingMail.State.SENT, None)
    assert queued.sent_at is not None
    (sent,) = mail.outbox
    assert (sent.to, sent.subject, sent.body) == ([RECIPIENT], "Hello", BODY)


@pytest.mark.django_db
def test_a_mail_of_a_change_that_was_rolled_back_is_not_sent() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        _queued()
        raise RuntimeError
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db
def test_a_subject_stays_one_line() -> None:
    queued = queue_mail(recipient=RECIPIENT, subject="Hello\r\nBcc: outsider@example.test", body=BODY)
    run(SEND, pk=queued.pk)
    assert mail.outbox[0].subject == "Hello Bcc: outsider@example.test"
    assert mail.outbox[0].recipients() == [RECIPIENT]


@pytest.mark.django_db
def test_a_mail_server_that_is_down_is_tried_again(refusing: pytest.MonkeyPatch) -> None:
    queued = _queued()
    run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    assert (queued.state, queued.attempt_count, queued.lease_until) == (OutgoingMail.State.QUEUED, 1, None)
    assert queued.not_before is not None
    assert queued.failure_detail == "OSError"


@pytest.mark.django_db
def test_an_address_that_does_not_exist_is_not_tried_again(refusing: pytest.MonkeyPatch) -> None:
    refused = smtplib.SMTPRecipientsRefused({RECIPIENT: (550, b"no such user")})
    refusing.setattr(RefusingBackend, "error", refused)
    queued = _queued()
    run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    assert (queued.state, queued.not_before) == (OutgoingMail.State.FAILED, None)


@pytest.mark.django_db
@pytest.mark.parametrize("attempts", [TRIES - 1, TRIES, TRIES + 3])
def test_a_mail_is_given_up_after_the_last_attempt_and_can_be_sent_again(
    attempts: int, refusing: pytest.MonkeyPatch, settings: Any
) -> None:
    queued = _queued()
    OutgoingMail.objects.filter(pk=queued.pk).update(attempt_count=attempts)
    run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    assert queued.state == OutgoingMail.State.FAILED
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert resend_mail(pk=queued.pk, user=None, address=None)
    run(SEND, pk=queued.pk)
    assert len(mail.outbox) == 1
    assert not resend_mail(pk=queued.pk, user=None, address=None)


@pytest.mark.django_db
def test_a_sent_mail_is_not_sent_again_whatever_its_row_says() -> None:
    queued = _queued()
    run(SEND, pk=queued.pk)
    OutgoingMail.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    run(SEND, pk=queued.pk)
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_the_text_of_a_mail_is_kept_only_until_it_is_sent(
    refusing: pytest.MonkeyPatch, settings: Any
) -> None:
    queued = _queued()
    run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    assert queued.body == BODY
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    OutgoingMail.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    assert (queued.state, queued.body, queued.recipient) == (OutgoingMail.State.SENT, "", RECIPIENT)


@pytest.mark.django_db
def test_a_mail_that_cannot_be_decrypted_is_reported_and_sent_once_the_key_is_back(settings: Any) -> None:
    queued, keys = _queued(), settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    run(SEND, pk=queued.pk)
    queued = OutgoingMail.objects.get()
    assert (queued.state, queued.failure_detail) == (OutgoingMail.State.FAILED, "CannotDecrypt")
    assert "FIELD_ENCRYPTION_KEYS" in queued.failure_reason
    assert "mail-failed" in {found.check.code for found in find_problems()}
    administrator = logged_in(make_person("administrator", "Administrators", is_staff=True))
    for page in (LIST, f"{LIST}{queued.pk}/change/"):
        assert "cannot be decrypted" in administrator.get(page).content.decode()
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert resend_mail(pk=queued.pk, user=None, address=None)
    run(SEND, pk=queued.pk)
    assert [sent.body for sent in mail.outbox] == [BODY]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "is_found"), [(RECIPIENT.upper(), True), ("else@example.test", False), ("Hello", True)]
)
def test_mail_is_found_by_its_subject_or_a_whole_address(words: str, is_found: bool) -> None:
    _queued()
    administrator = logged_in(make_person("administrator", "Administrators", is_staff=True))
    page = administrator.get(LIST, {"q": words}).content.decode()
    assert (RECIPIENT in page) == is_found


@pytest.mark.django_db
def test_no_log_line_and_no_stored_reason_holds_the_address_or_the_text(
    refusing: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"{RECIPIENT} {BODY}".encode()
    refusing.setattr(RefusingBackend, "error", smtplib.SMTPSenderRefused(451, text, RECIPIENT))
    with caplog.at_level(logging.DEBUG):
        queued = _queued()
        run(SEND, pk=queued.pk)
    queued.refresh_from_db()
    logged = f"{caplog.text} {queued.failure_reason} {queued.failure_detail} {queued}"
    assert RECIPIENT not in logged
    assert "quicksilver" not in logged
    assert queued.failure_detail == "SMTPSenderRefused 451"


@pytest.mark.django_db
def test_who_has_failed_mail_sent_again_is_audited_and_may_change_mail() -> None:
    queued = _queued()
    OutgoingMail.objects.update(state=OutgoingMail.State.FAILED)
    sent = {"action": "send_again", "_selected_action": [queued.pk]}
    for codenames, state in (
        (["view_outgoingmail"], OutgoingMail.State.FAILED),
        (["view_outgoingmail", "change_outgoingmail"], OutgoingMail.State.QUEUED),
    ):
        person = make_person(f"with-{len(codenames)}", is_staff=True)
        person.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
        logged_in(person).post("/admin/background/outgoingmail/", sent)
        queued.refresh_from_db()
        assert queued.state == state
    entry = Entry.objects.get(action="mail.resent")
    assert (entry.outcome, entry.actor_id, entry.target_id) == ("ok", str(person.pk), str(queued.pk))
