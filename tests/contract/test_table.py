"""Every call has a method of the client, a route of the sandbox and a test of the contract."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
from django.urls import resolve

from integrations import clarius
from tests.cloud import Cloud
from tests.contract.calls import CALLS, ROOT, Call

# Public names of the client that are not calls.
NOT_A_CALL = {"ClariusClient.close"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def routes(cloud_process: Cloud) -> set[tuple[str, str]]:
    """Every route of the sandbox's API, from its schema."""
    schema = read(cloud_process, "/api/schema/?format=json").json()
    return {
        (method, path.removeprefix(ROOT))
        for path, item in schema["paths"].items()
        for method in METHODS & set(item)
    }


def read(cloud: Cloud, path: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{cloud.url}{path}", timeout=30)


def contract_tests() -> list[Callable[..., object]]:
    """Return every contract test."""
    modules = [
        import_module(f"tests.contract.{path.stem}") for path in Path(__file__).parent.glob("test_*.py")
    ]
    return [value for module in modules for name, value in vars(module).items() if name.startswith("test_")]


def covered(test: Callable[..., object]) -> tuple[int, ...]:
    return getattr(test, "covered_calls", ())


def by_number(call: Any) -> str:
    return f"{call.number} {call.name}"


def test_the_table_has_the_seventeen_calls_of_the_documents() -> None:
    assert [call.number for call in CALLS] == list(range(1, 18))


@pytest.mark.parametrize("call", CALLS, ids=by_number)
def test_a_call_has_a_client_method_or_an_address_of_ours(call: Call) -> None:
    for name in call.client:
        owner, _, method = name.partition(".")
        assert callable(getattr(getattr(clarius, owner), method))
    assert call.client or call.ours
    if call.ours:
        assert resolve(call.ours).func


@pytest.mark.parametrize("call", CALLS, ids=by_number)
def test_a_call_has_a_route_of_the_sandbox_or_a_page_that_makes_it(
    call: Call, routes: set[tuple[str, str]], cloud_process: Cloud
) -> None:
    assert set(call.routes) <= routes
    assert call.routes or call.page
    if call.page:
        assert read(cloud_process, call.page).status_code == 200


@pytest.mark.parametrize("call", CALLS, ids=by_number)
def test_a_call_has_tests_that_make_it(call: Call) -> None:
    sources = [inspect.getsource(test) for test in contract_tests() if call.number in covered(test)]
    assert sources
    for name in call.client:
        # A test must not claim to cover a call that it does not make.
        assert any(f"{name.rpartition('.')[2]}(" in each for each in sources), name


def test_the_client_and_the_sandbox_make_no_other_calls(routes: set[tuple[str, str]]) -> None:
    functions = inspect.getmembers(clarius.ClariusClient, inspect.isfunction)
    methods = {f"ClariusClient.{name}" for name, _ in functions if not name.startswith("_")}
    named = {name for call in CALLS for name in call.client if name.startswith("ClariusClient.")}
    assert methods - NOT_A_CALL == named
    assert routes == {route for call in CALLS for route in call.routes}
