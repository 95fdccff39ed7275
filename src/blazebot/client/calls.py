"""One REST call: its tries, its hosts, its deadline, its answer (protocol section 9)."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import msgspec
from yarl import URL

from blazebot.client.quota import Sends
from blazebot.errors import (
    AnswerError,
    BlazebotError,
    ConnectionLost,
    FrameError,
    IntegrityError,
    NotRunning,
    RequestError,
    RequestTimeout,
    ServiceError,
    ServiceUnavailable,
    service_error,
)
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.frames import NOTHING, ErrorBody
from blazebot.wire.limits import MIB

if TYPE_CHECKING:
    import aiohttp

__all__ = ["ANSWER_LIMIT", "TRIES", "Call", "Calls"]

T = TypeVar("T")

ANSWER_LIMIT: Final = 16 * MIB
"""Bytes of the largest answer that is read (ours); once inflated, where it was compressed."""

TRIES: Final = 4
"""So often at most is one call sent (ours)."""

REPEATABLE: Final = frozenset(
    {
        "/messages",
        "/encrypted_messages",
        "/acknowledgements",
        "/conversations",
        "/sessions/fetch",
        "/users/fetch",
    }
)
"""POSTs that may be sent twice: they only read, or name what they make by an id of ours."""

_BACKOFF: Final = 0.25  # seconds; the first pause is shorter than this, each later one may double
_CHUNK: Final = 64 * 1024

logger = logging.getLogger("blazebot.rest")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the service: ``uri`` is path and query exactly as sent."""

    method: str
    uri: str
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.uri}"

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.uri.partition("?")[0]

    @property
    def repeatable(self) -> bool:
        """Whether it may take effect twice without harm."""
        return self.method == "GET" or (self.method == "POST" and self.path in REPEATABLE)


class _Answer(msgspec.Struct):
    data: msgspec.Raw = NOTHING
    error: ErrorBody | None = None


class _NotSent(ConnectionLost):
    """No connection, so nothing has left."""


class Calls:
    """Calls to the service, without a token: what needs one says so in a class below.

    ``urls`` are the service's addresses, the preferred first; where one cannot be reached the
    next is tried, and stayed with. ``timeout`` is the deadline of one call in seconds, all tries
    included.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        urls: Sequence[str],
        timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._urls = [url.rstrip("/") for url in urls]
        self._host = 0
        self._timeout = timeout
        self._clock = clock
        self.clock_skew: float | None = None
        """Seconds by which our clock is ahead of the service's, by its last answer; or None."""

    # For the classes below

    def _token(self, call: Call, request_id: str) -> str:
        """Return the token for one try of ``call``; empty where it needs none."""
        return ""

    def _check(self, call: Call, request_id: str, headers: Mapping[str, str], text: bytes) -> None:
        """Raise IntegrityError if an answer is not the service's own."""

    # Calling

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        sends: Sends | None = None,
        within: float | None = None,
    ) -> msgspec.Raw:
        """Return ``data`` of the answer as raw JSON (empty where the answer has none).

        ``path`` is path and query exactly as they are to be sent; ``body`` becomes JSON. What
        could not be sent is tried again. So are GET and the ``REPEATABLE`` POSTs when the
        connection broke, the service is unavailable, or has had too many requests; after what
        ``Retry-After`` says, if that is before the deadline. Any other call is sent once.
        What ``sends`` messages waits before each try until the quota has room, at most ``within``
        seconds; without it, as long as the call itself may take.

        Raises:
            ServiceError: the service refused; its class says why.
            ConnectionLost: no address could be reached, or the connection broke.
            RequestTimeout: no answer, or no room in the quota, in time.
            AnswerError: the answer is too large, or not the service's own (IntegrityError).
            RequestError: ``method`` or ``path`` is none, or ``body`` cannot be JSON.
            NotRunning: the bot was stopped.
        """
        if not method.isascii() or not method.isalpha():
            raise RequestError("method", f"{method!r} should be one such as GET")
        call = Call(method.upper(), path, b"" if body is None else _json(body))
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise RequestError("path", f"{path!r} should start with / and be percent-encoded")
        deadline = asyncio.get_running_loop().time() + self._timeout
        tried = 0
        while True:
            if sends is not None:
                began = asyncio.get_running_loop().time()
                await sends.leave(self._timeout if within is None else within)
                deadline += asyncio.get_running_loop().time() - began
            host = self._host
            try:
                return await self._try(self._urls[host], call, deadline)
            except ConnectionLost as error:
                self._host = (host + 1) % len(self._urls)
                if not call.repeatable and not isinstance(error, _NotSent):
                    raise
                failure: BlazebotError = error
            except ServiceError as error:
                if sends is not None:
                    sends.failed(error)
                if not call.repeatable or not error.temporary:
                    raise
                failure = error
            tried += 1
            pause = _pause(tried, len(self._urls), failure)
            if tried >= TRIES or asyncio.get_running_loop().time() + pause >= deadline:
                raise failure
            logger.info("%s: try %d failed: %s", call, tried, failure)
            await asyncio.sleep(pause)

    async def ask(self, kind: type[T], method: str, path: str, body: Any = None) -> T:
        """Return ``data`` of the answer as ``kind``, a struct; raises as :meth:`call`.

        Absent, empty and null fields mean the same [C]. AnswerError if it has not that shape.
        """
        what = f"{method} {path}"
        return _convert(kind, what, _document(what, await self.call(method, path, body)) or {})

    async def ask_all(
        self,
        kind: type[T],
        method: str,
        path: str,
        body: Any = None,
        *,
        sends: Sends | None = None,
        within: float | None = None,
    ) -> list[T]:
        """Return ``data`` of the answer as a list of ``kind``; otherwise as :meth:`ask`."""
        what = f"{method} {path}"
        data = await self.call(method, path, body, sends=sends, within=within)
        documents = _document(what, data) or []
        if not isinstance(documents, list):
            documents = [documents]
        return [_convert(kind, what, one) for one in documents]

    async def _try(self, url: str, call: Call, deadline: float) -> msgspec.Raw:
        import aiohttp  # noqa: PLC0415 - a third of the time that blazebot takes to import

        if self._http.closed:
            raise NotRunning(f"{call}: the bot was stopped")
        request_id = str(uuid4())
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        if token := self._token(call, request_id):
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout_at(deadline):
                async with self._http.request(
                    call.method,
                    URL(url + call.uri, encoded=True),
                    data=call.body,
                    headers=headers,
                    allow_redirects=False,
                    # A host that does not even connect leaves time for the others.
                    timeout=aiohttp.ClientTimeout(
                        total=None, sock_connect=self._timeout / (len(self._urls) + 1)
                    ),
                ) as response:
                    self._learn_clock(response.headers)
                    text = await _read_answer(call, response)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            raise _NotSent(f"{call}: the service cannot be reached: {error}") from None
        except TimeoutError:
            raise RequestTimeout(
                f"{call}: no answer within {self._timeout:g} s; see request_timeout"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            # Of what is no HTTP the words quote the answer, which may hold a secret.
            quotes = isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError)
            words = "" if quotes else str(error)
            raise ConnectionLost(
                f"{call}: the connection broke before the answer came, so whether it took "
                f"effect is unknown: {words or type(error).__name__}"
            ) from None
        return self._data(call, request_id, response.status, response.headers, text)

    def _data(
        self, call: Call, request_id: str, status: int, headers: Mapping[str, str], text: bytes
    ) -> msgspec.Raw:
        try:
            answer = decode_json(text, _Answer)
        except FrameError:
            # A page of something between, such as a proxy: none of this is the service's word.
            kind = 429 if status == 429 else 500
            error = service_error(kind, f"HTTP {status} without the service's JSON", status=status)
            raise self._timed(error, headers) from None
        if status in (200, 202):
            answered = headers.get("X-Request-Id", request_id)
            if answered.lower() != request_id:
                logger.error("%s: answered with another's X-Request-Id %.80r", call, answered)
                raise IntegrityError(
                    "request-id", f"{call}: the answer is to another request than {request_id}"
                )
            self._check(call, request_id, headers, text)
        if answer.error is not None:
            raise self._timed(answer.error.to_exception(), headers)
        if status != 200:
            raise ServiceUnavailable(status, f"{call}: no data and no error", status=status)
        return answer.data

    def _timed(self, error: ServiceError, headers: Mapping[str, str]) -> ServiceError:
        error.retry_after = _retry_after(headers, self._clock())
        return error

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        server_time = headers.get("X-Server-Time", "")
        try:
            if server_time.isdecimal():
                service_now = int(server_time) / 1e9
            else:
                service_now = parsedate_to_datetime(headers["Date"]).timestamp()
        except (KeyError, ValueError, OverflowError):
            return
        self.clock_skew = self._clock() - service_now


def _json(body: Any) -> bytes:
    try:
        return encode_json(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RequestError("body", f"cannot be sent as JSON: {error}") from None


async def _read_answer(call: Call, response: aiohttp.ClientResponse) -> bytes:
    text = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        text += chunk
        if len(text) > ANSWER_LIMIT:
            raise AnswerError(f"{call}: the answer has more than {ANSWER_LIMIT} bytes")
    return bytes(text)


def _pause(tried: int, hosts: int, failure: BlazebotError) -> float:
    """Return the seconds until the next try; none before another host that may be up."""
    if isinstance(failure, ConnectionLost) and tried % hosts:
        return 0.0
    wait = failure.retry_after if isinstance(failure, ServiceError) else None
    return (wait or 0.0) + random.uniform(0.0, _BACKOFF * 2.0 ** (tried - 1))  # noqa: S311


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of ``Retry-After``, a number or a date by the service's clock, or None."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text).timestamp()
        now = parsedate_to_datetime(headers["Date"]).timestamp() if "Date" in headers else now
    except ValueError:
        return None
    return max(0.0, until - now)


def _document(what: str, data: msgspec.Raw) -> Any:
    """Return JSON without its empty and null fields, so that absent is their only form."""
    try:
        return _without_empty(decode_json(data, Any)) if data else None
    except (FrameError, RecursionError) as error:
        raise AnswerError(f"{what}: an answer that cannot be read: {error}") from None


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        fields = ((name, _without_empty(one)) for name, one in value.items())
        return {name: one for name, one in fields if one is not None}
    if isinstance(value, list):
        return [one for one in map(_without_empty, value) if one is not None]
    return None if value == "" else value


def _convert(kind: type[T], what: str, document: Any) -> T:
    try:
        return msgspec.convert(document, kind, strict=False)
    except msgspec.ValidationError as error:
        raise AnswerError(f"{what}: not the documented form: {error}") from None
