"""A request that is larger than any form is refused before its body is read."""

import io
from typing import Any

import pytest
from django.test import Client

from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
TOO_MUCH = 3 * 1024 * 1024


class Body(io.BytesIO):
    """Counts how much of it was read."""

    read_count = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.read_count += len(piece)
        return piece


def _post(browser: Client, address: str, *, length: int, kind: str) -> tuple[Any, Body]:
    body = Body(b"--b\r\n" + b"x" * (length - 5))
    answer = browser.generic(
        "POST", address, content_type=kind, **{"wsgi.input": body, "CONTENT_LENGTH": length}
    )
    return answer, body


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("address", ["/accounts/login/", "/preferences/", "/worklist/search/", "/nowhere/"])
def test_nobody_fills_the_disk_with_the_body_of_a_form(address: str, kind: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["portal_csrf"] = "a" * 32
    answer, body = _post(browser, address, length=TOO_MUCH, kind=kind)
    assert (answer.status_code, body.read_count) == (413 if address != "/nowhere/" else 404, 0)


def test_a_form_of_usual_size_is_accepted() -> None:
    browser = logged_in(make_person("clinician"))
    assert browser.post("/preferences/", {"first_name": "Ada", "padding": "x" * 100_000}).status_code == 302
