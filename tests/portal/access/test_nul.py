"""No field of any form in the administration takes a NUL to the database."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.cloud import Cloud
from tests.portal.access.actions import ACTIONS, PAGE_ACTIONS
from tests.portal.access.forms import form_of, form_of_action, form_of_page_action, prepared
from tests.portal.access.pages import PAGES
from tests.portal.access.routes import address_of
from tests.portal.access.stage import Desk, undrawn

# Name, address, and what is sent once the rows are ready for it.
Form = tuple[str, str, Callable[[], dict[str, Any]]]


def forms(desk: Desk, cloud: Cloud) -> Iterator[Form]:
    for name in PAGES:
        yield name, address_of(desk, name), partial(form_of, desk, cloud, name)
    for name in PAGE_ACTIONS:
        page, _, action = name.partition(".")
        yield name, address_of(desk, page, action=action), partial(form_of_page_action, desk, cloud, name)
    for name in ACTIONS:
        page = name.partition(".")[0]
        yield name, address_of(desk, f"{page}_changelist"), partial(form_of_action, desk, name)


def test_a_nul_in_any_field_is_refused_or_left_out(desk: Desk, cloud: Cloud) -> None:
    browser = desk.browsers["superuser"]
    browser.raise_request_exception = False
    failed = []
    with undrawn():
        for name, address, fill in forms(desk, cloud):
            with prepared(desk, cloud, name):
                form = fill()
                for field, value in form.items():
                    answer = desk.send("superuser", "post", address, form | {field: f"{value}\0"})
                    if answer.response.status_code >= 500:
                        failed.append(f"{name}: {field}")
    assert not failed
