"""Who may look: the ``Host`` that is addressed and, beyond loopback, a token."""

from __future__ import annotations

import hmac
import re
from ipaddress import ip_address
from typing import Final, NamedTuple

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@?#\s]+)(?::\d{1,5})?")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine only."""
    return host.lower() == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


class Address(NamedTuple):
    """Where an endpoint listens, the token that it asks for, and further names that it has."""

    host: str
    port: int
    token: str = ""
    allow_hosts: tuple[str, ...] = ()


class Guard:
    """Judges requests to an endpoint that listens on ``address``.

    On loopback any program of this machine may look, but no page in a browser whose own name was
    made to lead here (DNS rebinding), which shows in ``Host``. Beyond it the token is asked for,
    and besides numeric addresses, which cannot be rebound, only its names are answered to.
    """

    def __init__(self, address: Address) -> None:
        self._is_local = is_loopback(address.host)
        self._names = {name.lower() for name in (address.host, *address.allow_hosts)}
        self._token = address.token.encode()

    def answers_to(self, host: str) -> bool:
        """Tell whether a request may be addressed so, by its ``Host`` header."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower()
        return (
            name in self._names or is_loopback(name) or (not self._is_local and _is_address(name))
        )

    def admits(self, authorization: str) -> bool:
        """Tell whether a request with this ``Authorization`` header may look."""
        if self._is_local and not self._token:
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(errors="replace"), self._token
        )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
