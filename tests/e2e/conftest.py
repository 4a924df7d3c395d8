"""A running sandbox, and a portal that runs as processes beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud
from tests.e2e.paper import write_pdf
from tests.e2e.site import Site
from tests.migrated import migrated_copy

SLUG = "echo"


@contextmanager
def stopped_afterwards(folder: Path) -> Iterator[Site]:
    with migrated_copy(folder) as database_url:
        site = Site(folder=folder, database_url=database_url)
        try:
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty portal with its web server and its worker."""
    with stopped_afterwards(tmp_path_factory.mktemp("portal")) as site:
        site.start()
        yield site


@pytest.fixture(scope="module")
def pages_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty portal with its web server but no worker."""
    with stopped_afterwards(tmp_path_factory.mktemp("portal")) as site:
        site.start_web()
        yield site


def connect(site: Site, *, cloud: Cloud, key: str) -> dict[str, Any]:
    """Connect the portal with the command and return its output."""
    names = ("--name", "Echo reading", "--base-url", cloud.url)
    setup = site.run_json("connect_service", SLUG, *names, "--register", "--take", "all", CLARIUS_API_KEY=key)
    assert setup["is_registered"] is True
    return dict(setup)


@pytest.fixture(scope="module")
def world(site: Site, cloud_process: Cloud) -> Cloud:
    """The sandbox, empty, with the portal connected to it."""
    cloud = cloud_process.reset()
    connect(site, cloud=cloud, key=cloud.new_key())
    return cloud


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A small PDF to send back."""
    return write_pdf(tmp_path / "echo-report.pdf")
