"""Limits hold for the whole deployment, however many processes serve its pages."""

from collections.abc import Iterator

import pytest

from portal.demo.supervisor import web_arguments
from tests.chaos.servers import listens
from tests.e2e.person import Person
from tests.e2e.site import Site
from tests.processes import Process, free_ports, wait_for

pytestmark = pytest.mark.e2e
CLINICIAN = "clinician@example.test"
WRONG_PASSWORDS = 5
# Connections are spread at random: this many all reach the same process once in 500 runs.
LATER_VISITS = 10


@pytest.fixture
def address(pages_only: Site) -> Iterator[str]:
    """The address of two processes that serve the portal together."""
    pages_only.make_account(CLINICIAN)
    (port,) = free_ports(1)
    process = Process(
        *web_arguments(port=port),
        *("--workers", "2"),
        log=pages_only.folder / "two.log",
        environment=pages_only.environment,
    )
    try:
        wait_for(lambda: listens(port), what="The web server's start", seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()


def test_wrong_passwords_make_their_network_wait_in_every_web_process(address: str) -> None:
    def result_of(password: str | None) -> str:
        visitor = Person(address, email=CLINICIAN, **({"password": password} if password else {}))
        return visitor.log_in().text

    for _ in range(WRONG_PASSWORDS):
        assert "do not belong together" in result_of("a guess")
    for _ in range(LATER_VISITS):
        # The right password too: somebody who guesses must not learn that it is right.
        assert "Too many wrong passwords" in result_of(None)
