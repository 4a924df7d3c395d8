"""Call the portal's own public address, as far as possible from outside, without a key or redirects."""

from collections.abc import Iterable
from dataclasses import dataclass

import requests

from integrations.clarius.deadlines import Deadline, within
from integrations.clarius.egress import Policy, Resolver, clean_url, system_resolver
from integrations.clarius.pinning import PinnedAdapter, pinned_session
from integrations.clarius.transport import connection_error, user_agent

# A person waits for the answer.
TOTAL_SECONDS = 10.0


@dataclass(frozen=True)
class ProbeResult:
    """The status of the answer, and the target of a redirect."""

    status: int
    location: str


def probe_url(
    url: str,
    *,
    allowed_networks: Iterable[str] = (),
    resolver: Resolver = system_resolver,
    total_seconds: float = TOTAL_SECONDS,
) -> ProbeResult:
    """Call `url` once with GET and return the status; raises ClariusError when no answer came."""
    deadline = Deadline(total_seconds)
    policy = Policy(allowed_networks=allowed_networks, resolver=resolver)
    with pinned_session(adapter=PinnedAdapter(policy=policy)) as session:
        try:
            with within(deadline):
                response = session.request(
                    "GET",
                    clean_url(url).text,
                    headers={"User-Agent": user_agent(), "Accept": "*/*"},
                    timeout=deadline.timeouts,
                    allow_redirects=False,
                    stream=True,
                )
        except requests.RequestException as error:
            raise connection_error(error) from None
        with response:
            return ProbeResult(response.status_code, response.headers.get("Location", "")[:500])
