"""Browsers keep static files for good and get them compressed; pages are never compressed."""

import re

import pytest

from tests.e2e.person import Person
from tests.e2e.site import Site
from tests.processes import ROOT

pytestmark = pytest.mark.e2e
YEAR = 31_536_000


@pytest.fixture
def visitor(pages_only: Site) -> Person:
    return pages_only.person("visitor@example.test")


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_files_are_compressed_and_kept_for_a_year_at_least(visitor: Person, encoding: str) -> None:
    page = visitor.visit("/accounts/login/")
    files = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page.html)
    assert files
    for name in files:
        assert re.search(r"\.[0-9a-f]{12}\.", name), name
        answer = visitor.fetch(name, **{"Accept-Encoding": encoding})
        assert answer.headers["Content-Encoding"] == encoding, name
        assert "Accept-Encoding" in answer.headers["Vary"]
        age = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
        assert age and int(age.group(1)) >= YEAR and "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/accounts/login/", "/", "/health/live/"])
def test_pages_are_not_compressed(visitor: Person, address: str) -> None:
    answer = visitor.fetch(address, **{"Accept-Encoding": "br, gzip, deflate"})
    assert answer.ok
    assert "Content-Encoding" not in answer.headers


def test_the_proxy_compresses_nothing_either() -> None:
    assert not re.search(r"^\s*(gzip|brotli)\s+on", (ROOT / "docker/nginx.conf").read_text(), re.MULTILINE)
