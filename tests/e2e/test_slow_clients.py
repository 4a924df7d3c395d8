"""Clients that stop in the middle of a file or a request do not block others."""

import select
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from portal.demo.supervisor import web_arguments
from tests.e2e.person import Person
from tests.e2e.site import Site
from tests.processes import ROOT

COUNT = 50
# Larger than the buffers at both ends.
FILE_MIB = 24
MAKE_FILE = """
from tests.exams.cast import add_file
from tests.exams.rows import link, make_customer, make_service, make_submission
from accounts.models import User
customer = make_customer(make_service(), is_linked=False)
link(customer, user=User.objects.get())
capture = add_file(make_submission(customer), bytes({size}))
print(capture.uuid)
"""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def clinician(pages_only: Site) -> Person:
    pages_only.make_account("clinician@example.test")
    person = pages_only.person("clinician@example.test")
    person.log_in()
    return person


@pytest.fixture(scope="module")
def file_address(pages_only: Site, clinician: Person) -> str:
    code = MAKE_FILE.format(size=FILE_MIB << 20)
    return f"/captures/{pages_only.run('shell', '-v', '0', '-c', code).strip()}/file/"


def _begin(site: Site, request: bytes) -> socket.socket:
    """Open a connection with a small receive buffer and send the start of a request."""
    connection = socket.socket()
    connection.settimeout(150)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", urlsplit(site.url).port))
    connection.sendall(request)
    return connection


def _request(first: str, site: Site, *headers: str) -> bytes:
    lines = (f"{first} HTTP/1.1", f"Host: {urlsplit(site.url).netloc}", *headers)
    return "".join(f"{line}\r\n" for line in lines).encode()


def _is_answered(site: Site) -> bool:
    answer = requests.get(f"{site.url}/accounts/login/", timeout=60)
    return answer.status_code == 200 and 'type="password"' in answer.text


def test_readers_who_stop_in_the_middle_of_a_file(
    pages_only: Site, clinician: Person, file_address: str
) -> None:
    request = _request(f"GET {file_address}", pages_only, f"Cookie: {clinician.cookies}") + b"\r\n"
    with ExitStack() as stack:
        readers = [stack.enter_context(_begin(pages_only, request)) for _ in range(COUNT)]
        assert {reader.recv(12) for reader in readers} == {b"HTTP/1.1 200"}
        assert _is_answered(pages_only)
    assert clinician.fetch(file_address).content == bytes(FILE_MIB << 20)


def test_senders_who_stop_in_the_middle_of_a_body(pages_only: Site) -> None:
    page = requests.get(f"{pages_only.url}/accounts/login/", timeout=60)
    headers = (
        f"Cookie: portal_csrf={page.cookies['portal_csrf']}",
        f"Origin: {pages_only.url}",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 1000",
    )
    request = _request("POST /accounts/login/", pages_only, *headers) + b"\r\nlogin="
    with ExitStack() as stack:
        senders = [stack.enter_context(_begin(pages_only, request)) for _ in range(COUNT)]
        assert _is_answered(pages_only)
        # None was closed: the server still waits for each.
        assert select.select(senders, [], [], 0)[0] == []


def test_senders_who_stop_in_the_middle_of_the_headers(pages_only: Site) -> None:
    with ExitStack() as stack:
        for _ in range(COUNT):
            stack.enter_context(_begin(pages_only, _request("GET /accounts/login/", pages_only)))
        assert _is_answered(pages_only)


def test_the_image_serves_with_as_many_threads_as_the_demo() -> None:
    image = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").rpartition("\nCMD ")[2]
    assert '"serve"' in image and "--threads" not in image
    assert "serve" in web_arguments(port=8000) and "--threads" not in web_arguments(port=8000)
