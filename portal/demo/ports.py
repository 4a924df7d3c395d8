"""The ports of the demo, and whether they are free."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class PortProblem(Exception):
    """A port cannot be used; the message names the variable to set."""


@dataclass(frozen=True)
class Ports:
    """Ports of the portal, the sandbox and the sandbox's media."""

    portal: int
    sandbox: int
    media: int

    @classmethod
    def from_environment(cls, *, kept: Mapping[str, int] | None = None) -> Self:
        """Return the ports that `PORT`, `SANDBOX_PORT` and `SANDBOX_MEDIA_PORT` name; raises PortProblem.

        Where the environment names none, the port in `kept` is used, else the default.
        """
        defaults = kept or {}
        sandbox = _number("SANDBOX_PORT", defaults.get("SANDBOX_PORT", 8001))
        return cls(
            portal=_number("PORT", defaults.get("PORT", 8000)),
            sandbox=sandbox,
            media=_number("SANDBOX_MEDIA_PORT", defaults.get("SANDBOX_MEDIA_PORT", sandbox + 1)),
        )

    @property
    def named(self) -> dict[str, int]:
        """The ports by their variables."""
        return {"PORT": self.portal, "SANDBOX_PORT": self.sandbox, "SANDBOX_MEDIA_PORT": self.media}

    def check(self) -> None:
        """Raise PortProblem if a port is used twice or is taken."""
        named = self.named
        if len(set(named.values())) < len(named):
            raise PortProblem(f"PORT, SANDBOX_PORT and SANDBOX_MEDIA_PORT must differ: {named}.")
        for name, port in named.items():
            if not _is_free(port):
                raise PortProblem(
                    f"Port {port} is taken by another process. Choose another port, "
                    f"for example: {name}={port + 10} make demo"
                )


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise PortProblem(f"{name} must be a number between 1 and 65535, not {text!r}.")
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection left from the last run does not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
