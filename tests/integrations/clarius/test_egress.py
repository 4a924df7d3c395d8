"""Which addresses may be called at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from integrations.clarius import errors
from integrations.clarius.egress import check_url, clean_url, is_public

HOSTILE = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://[::]/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://a.localhost/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/",
    "https://169.254.0.1/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.0.2.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://198.18.0.1/",
    "https://192.88.99.1/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://metadata.internal/",
    "https://printer.local/",
    "https://nas.lan/",
    "https://intranet/",
    "https://portal.corp/",
    "https://router.home.arpa/",
    "https://user@93.184.215.14/",
    "https://user:pass@93.184.215.14/",
    "https://93.184.215.14\\@127.0.0.1/",
    "https://93.184.215.14#@127.0.0.1/",
    "https://93.184.215.14:8443/",
    "https://93.184.215.14:0/",
    "https://93.184.215.14:99999/",
    "http://93.184.215.14/",
    "ftp://93.184.215.14/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "data:text/html,x",
    "javascript:alert(1)",
    "//93.184.215.14/",
    "https:/93.184.215.14/",
    "https:93.184.215.14",
    "https:///etc/passwd",
    "https://éxample.com/",
    "https://ⓔxample.com/",
    "https://example.com%00.evil.example/",
    "https://exa%6dple.com/",
    "https://-bad.example/",
    "https://a..b.example/",
    "https://93.184.215.14%20/",
]


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


def test_allowed_networks_may_be_called_by_http_at_any_port_and_nothing_else_may() -> None:
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
def test_what_counts_as_public_is_never_wider_than_the_library_says(address: object) -> None:
    if is_public(str(address)):
        assert getattr(address, "is_global", False)
        assert not getattr(address, "is_multicast", True)


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_whatever_passes_is_read_alike_when_it_is_read_again(url: str) -> None:
    try:
        clean = clean_url(url)
    except errors.BlockedByPolicy:
        return
    again = parse_url(clean.text)
    assert (again.host or "").strip("[]") == clean.origin.host
    assert clean_url(clean.text) == clean
