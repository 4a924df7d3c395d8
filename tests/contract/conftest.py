"""The Cloud under test: the sandbox, or a real Cloud that the environment names.

CLARIUS_CONTRACT_URL and CLARIUS_CONTRACT_KEY name it (CLARIUS_ALLOWED_NETWORKS too, when it is on a private
address). Calls that change anything there are made with CLARIUS_CONTRACT_WRITE=1 only.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from integrations.clarius import ClariusClient, Notification
from tests.cloud import Cloud
from tests.contract.calls import ROOT


@dataclass(frozen=True)
class Side:
    """The Cloud under test, with its control plane if it is the sandbox."""

    url: str
    key: str
    networks: tuple[str, ...]
    sandbox: Cloud | None = None

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Make a call without the client and return the JSON of its answer."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{self.url}{ROOT}{path}",
                headers={"Authorization": f"Service-API-Key {self.key}", "Accept": "application/json"},
                timeout=30,
                **options,
            )
        answer.raise_for_status()
        return answer.json()

    def client(self, *, key: str | None = None) -> ClariusClient:
        """Return a client of this Cloud, with its key or another one."""
        return ClariusClient(base_url=self.url, api_key=key or self.key, allowed_networks=self.networks)


@pytest.fixture
def side(request: pytest.FixtureRequest) -> Side:
    """The Cloud of this run; the sandbox begins empty."""
    url = os.environ.get("CLARIUS_CONTRACT_URL", "").rstrip("/")
    if url:
        networks = os.environ.get("CLARIUS_ALLOWED_NETWORKS", "")
        return Side(
            url, os.environ["CLARIUS_CONTRACT_KEY"], tuple(each for each in networks.split(",") if each)
        )
    cloud: Cloud = request.getfixturevalue("cloud")
    return Side(cloud.url, cloud.new_key(name="contract"), ("127.0.0.1/32",), cloud)


@pytest.fixture
def client(side: Side) -> Iterator[ClariusClient]:
    with side.client() as made:
        yield made


@pytest.fixture
def writing(side: Side) -> None:
    """Skip tests that change data, unless the environment allows them."""
    if side.sandbox is None and os.environ.get("CLARIUS_CONTRACT_WRITE") != "1":
        pytest.skip("Changes a real Cloud: set CLARIUS_CONTRACT_WRITE=1")


@pytest.fixture
def sandbox(side: Side) -> Cloud:
    """The sandbox's control plane; skips the test at a real Cloud, which has none."""
    if side.sandbox is None:
        pytest.skip("A real Cloud cannot be told what to do")
    return side.sandbox


@pytest.fixture
def customer(side: Side, client: ClariusClient) -> str:
    """The token of a confirmed customer."""
    if side.sandbox is not None:
        return side.sandbox.add_customer(is_confirmed=True).token
    tokens = next(client.confirmed_token_pages()).results
    if not tokens:
        pytest.skip("The Cloud has no confirmed customer")
    return tokens[0]


@pytest.fixture
def submission(side: Side, client: ClariusClient, request: pytest.FixtureRequest) -> Notification:
    """A submission from the Cloud's list."""
    if side.sandbox is not None:
        side.sandbox.submit(customer=request.getfixturevalue("customer"), is_notified=False)
    rows = next(client.exam_pages()).results
    if not rows:
        pytest.skip("The Cloud has no submission")
    return rows[0]
