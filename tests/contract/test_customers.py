"""The transfer of a token, its confirmation, and the list of confirmed tokens."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from integrations.clarius import ClariusClient, errors
from tests.cloud import Cloud
from tests.contract.calls import covers
from tests.contract.conftest import Side
from tests.contract.documents import differences, example

# Any text that can be encoded in a URL; real tokens may begin with a dash or an underscore.
TOKENS = ["eYENW6HO4xdM0KlGO2kBXtTbD5XX1LTfdV-vYslapMY", "-dash", "_line", "a/b&c=d#e?f%20", "a+b"]


@covers(1)
@pytest.mark.parametrize("token", TOKENS)
def test_the_token_is_transferred_to_any_place_in_the_service_s_address(
    client: ClariusClient, sandbox: Cloud, token: str
) -> None:
    client.update_settings(token_transfer_url="https://portal.example/connect/echo/?a=1&token={token}")
    by_query = urlsplit(sandbox.add_customer(token=token).connect_url or "")
    assert parse_qs(by_query.query) == {"a": ["1"], "token": [token]}
    client.update_settings(token_transfer_url="https://portal.example/connect/echo/{token}/")
    (row,) = [row for row in sandbox.call("GET", "customers/") if row["token"] == token]
    by_path = urlsplit(row["connect_url"])
    assert (by_path.query, by_path.fragment) == ("", "")
    assert unquote(by_path.path) == f"/connect/echo/{token}/"


@covers(1)
def test_the_browser_is_sent_to_the_documented_transfer_address(
    client: ClariusClient, sandbox: Cloud
) -> None:
    client.update_settings(token_transfer_url="https://example.com?token={token}")
    customer = sandbox.add_customer(token="user_token_goes_here")
    assert customer.connect_url == "https://example.com?token=user_token_goes_here"
    client.update_settings(token_transfer_url="")
    assert {row["connect_url"] for row in sandbox.call("GET", "customers/")} == {None}


@covers(5)
def test_confirming_twice_is_harmless(client: ClariusClient, customer: str, writing: None) -> None:
    client.confirm_customer(token=customer)
    client.confirm_customer(token=customer)


@covers(5, 6)
def test_a_confirmed_customer_is_listed_and_can_submit(client: ClariusClient, sandbox: Cloud) -> None:
    customer = sandbox.add_customer()
    sandbox.submit(customer=customer, is_notified=False)
    assert next(client.confirmed_token_pages()).results == ()
    assert next(client.exam_pages()).count == 0
    client.confirm_customer(token=customer.token)
    assert next(client.confirmed_token_pages()).results == (customer.token,)
    assert next(client.exam_pages()).count == 1


@covers(5)
def test_an_unknown_token_is_not_found(client: ClariusClient, writing: None) -> None:
    with pytest.raises(errors.NotFound):
        client.confirm_customer(token=example("current/confirmation-call")["token"])


@covers(6)
def test_confirmed_tokens_can_be_read_at_once_and_page_by_page(client: ClariusClient, side: Side) -> None:
    if side.sandbox is not None:
        for number in range(3):
            side.sandbox.add_customer(name=f"Customer {number}", is_confirmed=True)
    whole = [token for page in client.confirmed_token_pages() for token in page.results]
    limit = max(1, len(whole) // 2)
    assert [token for page in client.confirmed_token_pages(limit=limit) for token in page.results] == whole
    assert len(set(whole)) == len(whole)


@covers(6)
def test_the_list_of_tokens_looks_as_documented(side: Side, customer: str) -> None:
    assert differences(example("current/tokens"), side.ask("GET", "services/confirmed-tokens/")) == []
