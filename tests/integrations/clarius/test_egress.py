"""The egress rules: which addresses may be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from integrations.clarius import errors
from integrations.clarius.egress import check_url, clean_url, is_public
from tests.integrations.clarius.hostile import HOSTILE


def resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if "localhost" in host else ["93.184.215.14"]


def test_the_list_is_long_enough() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_addresses_are_refused(url: str) -> None:
    with pytest.raises(errors.BlockedByPolicy):
        check_url(url, resolver=resolve)


@pytest.mark.parametrize(
    "character", ["\\", " ", "\t", "\n", "\r", "\x00", "\x7f", "#", "\u00a0", "\u2028", "\ufeff"]
)
def test_characters_that_parsers_read_differently_are_refused_anywhere(character: str) -> None:
    for url in (f"https://exam{character}ple.com/", f"https://example.com/a{character}b"):
        with pytest.raises(errors.BlockedByPolicy):
            clean_url(url)


def test_a_good_address_is_rebuilt_from_its_parts() -> None:
    clean = check_url("HTTPS://Storage.Example.COM:443/a%2Fb?x=1&y=%20", resolver=resolve)
    assert clean.text == "https://storage.example.com/a%2Fb?x=1&y=%20"
    assert (clean.origin.host, clean.origin.port) == ("storage.example.com", 443)


def test_one_forbidden_address_among_several_is_enough_to_refuse() -> None:
    with pytest.raises(errors.BlockedByPolicy):
        check_url("https://example.com/", resolver=lambda host, port: ["93.184.215.14", "10.0.0.1"])


def test_only_allowed_networks_may_be_called_by_http_and_at_any_port() -> None:
    allowed = ["127.0.0.1/32", "fd00:1::/64"]
    assert check_url("http://127.0.0.1:8001/a", allowed_networks=allowed).origin.port == 8001
    assert check_url("http://[fd00:1::5]:9/a", allowed_networks=allowed).origin.host == "fd00:1::5"
    for url in ("http://127.0.0.2/", "http://[fd00:2::1]/", "http://93.184.215.14/"):
        with pytest.raises(errors.BlockedByPolicy):
            check_url(url, allowed_networks=allowed, resolver=resolve)


def test_a_name_without_an_address_is_unreachable_not_forbidden() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise OSError

    with pytest.raises(errors.Unreachable):
        check_url("https://gone.example/", resolver=nobody)


@given(st.ip_addresses())
def test_every_public_address_is_public_for_the_library_too(address: object) -> None:
    if is_public(str(address)):
        assert getattr(address, "is_global", False)
        assert not getattr(address, "is_multicast", True)


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_a_clean_address_stays_the_same_when_it_is_cleaned_again(url: str) -> None:
    try:
        clean = clean_url(url)
    except errors.BlockedByPolicy:
        return
    again = parse_url(clean.text)
    assert (again.host or "").strip("[]") == clean.origin.host
    assert clean_url(clean.text) == clean
