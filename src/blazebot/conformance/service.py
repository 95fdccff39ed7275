"""Where the service is, and plain HTTP requests to it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from blazebot.conformance.expectations import Answer, expect
from blazebot.errors import SettingsError
from blazebot.wire.hosts import API_HOSTS, BLAZE_HOSTS

__all__ = ["PATIENCE", "Service"]

PATIENCE: Final = 10.0
"""Seconds that any one answer is waited for."""

_ANSWER_LIMIT: Final = 16 * 1024 * 1024
_SWITCHING_PROTOCOLS: Final = 101

_BLAZE: Final = {
    f"https://{api}": f"wss://{blaze}/" for api, blaze in zip(API_HOSTS, BLAZE_HOSTS, strict=True)
}
"""Where lines are opened whose REST is at one of the service's own names."""


@dataclass(frozen=True, slots=True)
class Service:
    """The service: ``api`` for REST, without a slash at its end, and ``blaze`` for lines.

    ``patience`` is in seconds.
    """

    http: aiohttp.ClientSession
    api: str
    blaze: str
    patience: float = PATIENCE

    @classmethod
    def at(cls, http: aiohttp.ClientSession, address: str, *, patience: float = PATIENCE) -> Self:
        """Return the service at one of its own addresses for REST, or a sandbox's for both.

        Raises:
            SettingsError: it is no address.
        """
        if not _is_address(address):
            raise SettingsError(f"target: {address!r:.80} should begin with https:// or http://")
        api = address.rstrip("/")
        return cls(http, api, _BLAZE.get(api.lower(), f"ws{api[4:]}/"), patience)

    async def call(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to a request, whatever it is; ``url`` goes out as it is.

        Raises:
            aiohttp.ClientError, OSError: the connection failed.
            TimeoutError: there was no answer in time.
            Violation: the answer has no end.
        """
        address = URL(url, encoded=True)
        async with self.http.request(
            method,
            address,
            data=io.BytesIO(body) if body else None,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self.patience),
        ) as response:
            text = b""
            if response.status != _SWITCHING_PROTOCOLS:  # what follows that is no body
                text = await _read(response)
            return Answer(f"{method} {address.path}", response.status, response.headers, text)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    text = bytearray()
    async for chunk in response.content.iter_any():
        text += chunk
        expect(len(text) <= _ANSWER_LIMIT, f"an answer has more than {_ANSWER_LIMIT} bytes")
    return bytes(text)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return good and not any(one.isspace() for one in text)
