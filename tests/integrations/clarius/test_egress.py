"""The egress rules: which addresses may be called."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from integrations.clarius import errors
from integrations.clarius.egress import check_url, clean_url, is_public
from integrations.clarius.special_use import ELSEWHERE, IPV4, IPV6
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


# Blocks that the registries list inside larger ones, also those that they call globally reachable.
INSIDE = (
    "0.0.0.0/32",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/31",
    "192.88.99.2/32",
    "255.255.255.255/32",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
)
# Public addresses just outside a block, and others.
PUBLIC = (
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.195.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2000::1",
    "2001:200::1",
    "2003::1",
    "2606:4700::1",
    "2620:4f:8001::1",
    "3ffe::1",
)


def _wrapped(text: str) -> list[str]:
    """Return the IPv6 forms of an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo."""
    number = int(ipaddress.IPv4Address(text))
    teredo = (0x20010000 << 96) | (number << 64) | (number ^ 0xFFFFFFFF)
    prefixes = ("::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::")
    forms = [
        *(int(ipaddress.IPv6Address(prefix)) | number for prefix in prefixes),
        (0x2002 << 112) | (number << 80),
        teredo,
    ]
    return [str(ipaddress.IPv6Address(form)) for form in forms]


@pytest.mark.parametrize("block", [*IPV4, *IPV6, *ELSEWHERE, *INSIDE])
def test_no_address_of_a_special_use_is_called_unless_its_network_is_allowed(block: str) -> None:
    network = ipaddress.ip_network(block)
    for address in {network[0], network[-1], network[network.num_addresses // 2]}:
        host = f"[{address}]" if address.version == 6 else str(address)
        assert not is_public(str(address))
        for resolver in (resolve, lambda *_, found=str(address): [found]):
            url = f"https://{host}/" if resolver is resolve else "https://example.com/"
            with pytest.raises(errors.BlockedByPolicy):
                check_url(url, resolver=resolver)
        assert check_url(f"http://{host}:8001/", allowed_networks=[block], resolver=resolve)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_next_to_a_special_use_is_public_but_none_of_its_ipv6_forms_is(address: str) -> None:
    assert is_public(address)
    assert check_url("https://example.com/", resolver=lambda host, port: [address])
    if ":" not in address:
        assert not any(is_public(form) for form in _wrapped(address))


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.0.0.9"])
def test_an_ipv6_form_of_an_address_is_refused_also_where_the_address_is_allowed(address: str) -> None:
    for form in _wrapped(address):
        with pytest.raises(errors.BlockedByPolicy):
            check_url(f"https://[{form}]/", allowed_networks=[f"{address}/32"])


def test_addresses_that_nobody_was_given_are_not_public() -> None:
    for address in ("4000::1", "8000::1", "e000::1", "200::1", "1::1"):
        assert not is_public(address)


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
