"""A web process whose interpreter is stuck ends and is replaced; a slow or suspended one is left alone."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import stopped_afterwards
from tests.e2e.site import Site
from tests.e2e.stuck import PARTS
from tests.processes import wait_for

# Longer than this machine keeps a thread waiting, and than granian's search for a worker that fails at once.
LIMIT = 8

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stuck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A portal as people start it, with pages that are stuck."""
    with stopped_afterwards(tmp_path_factory.mktemp("portal")) as site:
        site.environment["DJANGO_SETTINGS_MODULE"] = "tests.e2e.stuck_settings"
        site.environment["STUCK_SECONDS"] = str(LIMIT)
        site.start_web()
        yield site


def pid_of(site: Site) -> int:
    """Return the process that answers, 0 while none does."""
    try:
        answer = requests.get(f"{site.url}/pid/", timeout=5)
    except requests.RequestException:
        return 0
    return int(answer.text) if answer.ok else 0


@pytest.mark.parametrize(("page", "function"), [("search", "search"), ("sleep", "sleep")])
def test_a_process_that_is_stuck_is_replaced(stuck: Site, page: str, function: str) -> None:
    before = pid_of(stuck)
    lost: list[requests.RequestException] = []

    def ask() -> None:
        try:
            requests.get(f"{stuck.url}/{page}/", timeout=120)
        except requests.RequestException as error:
            lost.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    after = wait_for(lambda: pid_of(stuck) not in (0, before) and pid_of(stuck), what="Another process")
    asking.join()
    assert lost and after != before
    assert requests.get(f"{stuck.url}/health/ready/", timeout=10).ok
    log = (stuck.folder / "web.log").read_text()
    assert f"Process {before} was stuck for {LIMIT} s and is ended." in log
    assert f"in {function}" in log


def test_a_process_that_streams_for_longer_is_left_alone(stuck: Site) -> None:
    before = pid_of(stuck)
    assert len(requests.get(f"{stuck.url}/stream/", timeout=120).content) == PARTS
    assert pid_of(stuck) == before


def test_a_process_that_was_suspended_for_longer_continues(stuck: Site) -> None:
    before = pid_of(stuck)
    os.kill(before, signal.SIGSTOP)
    # Nothing to wait for: the time itself is the case.
    time.sleep(LIMIT + 5)
    os.kill(before, signal.SIGCONT)
    assert wait_for(lambda: pid_of(stuck), what="An answer") == before
