"""Calling the portal's own address without key, cookies and redirects."""

import pytest

from integrations.clarius import errors, probe_url
from tests.integrations.clarius.servers import serving

LOOPBACK = ["127.0.0.1/32"]


def test_any_status_is_returned_and_no_key_is_sent() -> None:
    with serving(lambda handler, call: handler.reply(404, b"nobody")) as portal:
        assert probe_url(f"{portal.url}/healthz", allowed_networks=LOOPBACK).status == 404
    assert not {"authorization", "cookie"} & {name.lower() for name in portal.calls[0].headers}


def test_a_redirect_is_reported_and_not_followed() -> None:
    with serving(lambda handler, call: handler.reply(200)) as elsewhere:
        target = f"{elsewhere.url}/login/"
        with serving(lambda handler, call: handler.reply(301, Location=target)) as portal:
            result = probe_url(portal.url, allowed_networks=LOOPBACK)
    assert (result.status, result.location) == (301, target)
    assert elsewhere.calls == []


def test_an_internal_address_is_not_called_unless_it_is_allowed() -> None:
    with serving(lambda handler, call: handler.reply(200)) as portal:
        with pytest.raises(errors.BlockedByPolicy):
            probe_url(portal.url)
    assert portal.calls == []


def test_a_refused_connection_is_unreachable() -> None:
    with serving(lambda handler, call: handler.reply(200)) as portal:
        pass
    with pytest.raises(errors.Unreachable):
        probe_url(portal.url, allowed_networks=LOOPBACK)
