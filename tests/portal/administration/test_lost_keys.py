"""Without the keys that encrypted what is stored, no page and no button ends in an error."""

from typing import Any

from background.mail import queue_mail
from tests.people import proven
from tests.portal.access.routes import address_of, find_pages
from tests.portal.access.stage import Desk

OTHER_KEY = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
PAGES = ("/", "/worklist/", "/problems/", "/preferences/")
# On the pages of a service.
BUTTONS = {
    "settings": ({"action": "push", "is_notified": "on"}, {"action": "rotate_secret"}, {"action": "read"}),
    "reveal": ({},),
    "test": ({},),
}


def test_every_page_answers_when_nothing_that_is_stored_can_be_decrypted(desk: Desk, settings: Any) -> None:
    queue_mail(recipient="clinician@example.test", subject="Hello", body="text")
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    browser = proven(desk.stage.people["superuser"])
    browser.raise_request_exception = False
    addresses = [*PAGES, *(address_of(desk, name) for name in find_pages() if name != "logout")]
    answers = {address: browser.get(address).status_code for address in addresses}
    assert [address for address, status in answers.items() if status == 500] == []
    assert sum(status == 200 for status in answers.values()) > 60
    for page, forms in BUTTONS.items():
        for form in forms:
            answer = browser.post(f"/admin/integrations/service/{desk.service.pk}/{page}/", form)
            assert answer.status_code in (200, 302, 400, 503), (page, form)
    locked = browser.get(f"/admin/integrations/service/{desk.service.pk}/settings/")
    assert locked.status_code == 503
    assert "put the key that encrypted it back" in locked.content.decode()
