"""Signed REST calls to the service (protocol section 9)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

from blazebot.errors import (
    ConnectionLost,
    FrameError,
    RequestTimeout,
    ServiceUnavailable,
)
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.frames import NOTHING, ErrorBody
from blazebot.wire.messages import Receipt

_UNREACHABLE = (aiohttp.ClientError, OSError)


class _Answer(msgspec.Struct):
    data: msgspec.Raw = NOTHING
    error: ErrorBody | None = None


class RestClient:
    """Calls signed by one keystore.

    ``urls`` are the service's addresses, the preferred first; where one cannot be reached the
    next is tried. ``timeout`` is in seconds, for each address.
    """

    def __init__(
        self,
        keystore: Keystore,
        http: aiohttp.ClientSession,
        *,
        urls: Sequence[str],
        timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keystore = keystore
        self._http = http
        self._urls = [url.rstrip("/") for url in urls]
        self._timeout = timeout
        self._clock = clock
        self.clock_skew: float | None = None
        """Seconds by which our clock is ahead of the service's, by its last answer; or None."""

    async def call(self, method: str, path: str, body: Any = None) -> msgspec.Raw:
        """Return ``data`` of the answer as raw JSON (empty where the answer has none).

        ``path`` is path and query exactly as they are to be sent; ``body`` becomes JSON.

        Raises:
            ServiceError: the service refused; its class says why.
            ConnectionLost: no address could be reached.
            RequestTimeout: no answer in time.
        """
        payload = b"" if body is None else encode_json(body)
        failure: Exception | None = None
        for url in self._urls:
            try:
                return await self._call(url, method, path, payload)
            except aiohttp.ClientConnectorError as error:
                failure = error  # nothing was sent: safe to try the other, whatever the method
            except TimeoutError:
                raise RequestTimeout(
                    f"{method} {path}: no answer within {self._timeout:g} s; see request_timeout"
                ) from None
            except _UNREACHABLE as error:
                failure = error
                break
        raise ConnectionLost(f"{method} {path}: the service cannot be reached: {failure}") from None

    async def _call(self, url: str, method: str, path: str, payload: bytes) -> msgspec.Raw:
        request_id = str(uuid4())
        token = sign_token(
            self._keystore, method, path, payload, now=self._clock(), request_id=request_id
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
        }
        async with asyncio.timeout(self._timeout):
            async with self._http.request(
                method,
                URL(url + path, encoded=True),
                data=payload,
                headers=headers,
                allow_redirects=False,
            ) as response:
                self._learn_clock(response.headers)
                text = await response.read()
        try:
            answer = decode_json(text, _Answer)
        except FrameError:
            raise ServiceUnavailable(
                response.status, f"{method} {path}: an answer that is not JSON"
            ) from None
        if answer.error is not None:
            raise answer.error.to_exception()
        if response.status != 200:
            raise ServiceUnavailable(response.status, f"{method} {path}: no data and no error")
        return answer.data

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        server_time = headers.get("X-Server-Time", "")
        try:
            if server_time.isdecimal():
                service_now = int(server_time) / 1e9
            else:
                service_now = parsedate_to_datetime(headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return
        self.clock_skew = self._clock() - service_now

    async def me(self) -> dict[str, Any]:
        """Return the bot's own user, as the service shows it [D]; raises as :meth:`call`."""
        return decode_json(await self.call("GET", "/me"), dict[str, Any])

    async def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Send up to 100 receipts in one call [S]; raises as :meth:`call`."""
        await self.call("POST", "/acknowledgements", receipts)
