"""Client of the control plane of the demo's own sandbox; never used with a real Cloud."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

# The first call after a start may wait until the sandbox has rendered its exams.
SECONDS = 30


class SandboxProblem(Exception):
    """The sandbox did not answer, or answered with an error."""


class Sandbox:
    """A running sandbox at a loopback address."""

    def __init__(self, *, url: str) -> None:
        self.url = url
        self._opener = build_opener(ProxyHandler({}))

    def new_key(self) -> str:
        """Return a new API key of the service."""
        return str(self._call("POST", "keys/", {"name": "portal demo"})["key"])

    def customers(self) -> list[dict[str, Any]]:
        """Return every customer with its token."""
        return list(self._call("GET", "customers/"))

    def add_customer(self, *, name: str, institution: str) -> dict[str, Any]:
        """Add a customer that is already confirmed, as if by another portal."""
        body = {"name": name, "institution": institution, "confirmed": True}
        return dict(self._call("POST", "customers/", body))

    def exams(self) -> list[dict[str, Any]]:
        """Return the exams that can be submitted, each with its slug and number of captures."""
        return list(self._call("GET", "exams/"))

    def submit(self, **fields: object) -> dict[str, Any]:
        """Have a customer submit an exam."""
        return dict(self._call("POST", "submissions/", fields))

    def fault(self, **fields: object) -> None:
        """Make the next calls of one kind fail."""
        self._call("POST", "faults/", fields)

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._call("DELETE", "faults/")

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 - the demo makes this address itself
            f"{self.url}/sandbox/control/{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                content = answer.read()
        except HTTPError as error:
            raise SandboxProblem(f"The sandbox answered {error.code} to {path}.") from error
        except (URLError, OSError) as error:
            raise SandboxProblem(f"The sandbox did not answer to {path}.") from error
        return json.loads(content) if content else None
