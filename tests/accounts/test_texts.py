"""Pages, mails and messages about accounts are written in the portal's own words."""

from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.template.loader import get_template

STOCK = Path(allauth.__file__).parent / "templates"
# Without a text of their own, or for what is switched off: telephones, passkeys, links instead of codes,
# several addresses, codes on request.
UNUSED = {
    "base_entrance.html",
    "base_manage.html",
    "base_manage_email.html",
    "base_manage_password.html",
    "base_manage_phone.html",
    # Ours replaces all of its content.
    "base_reauthenticate.html",
    "confirm_phone_verification_code.html",
    "email.html",
    "email_confirm.html",
    "password_reset_done.html",
    "phone_change.html",
    "request_login_code.html",
    "signup_by_passkey.html",
    "verification_sent.html",
    "verified_email_required.html",
    "snippets/already_logged_in.html",
    "snippets/warn_no_email.html",
    "email/password_reset_key_message.txt",
    "email/password_reset_key_subject.txt",
    # They include the texts of every other confirmation.
    "email/email_confirmation_signup_message.txt",
    "email/email_confirmation_signup_subject.txt",
    "messages/phone_verification_sent.txt",
    "messages/phone_verified.txt",
}
NAMES = sorted(
    path.relative_to(STOCK / "account").as_posix()
    for path in (STOCK / "account").rglob("*")
    if path.suffix in {".html", ".txt"}
)


@pytest.mark.parametrize("name", sorted(set(NAMES) - UNUSED))
def test_a_text_is_ours(name: str) -> None:
    origin = Path(get_template(f"account/{name}").origin.name)
    assert origin.is_relative_to(settings.FILES_DIR / "templates")


def test_nothing_is_excepted_that_does_not_exist() -> None:
    assert set(NAMES) >= UNUSED
