"""HTTP as bytes: a server that answers as it is told, with what nobody should answer."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from fuzz.choices import Choices

Answer = Callable[[bytes, asyncio.StreamReader], Awaitable[bytes]]
"""Returns what a request is answered with, by its head; its body may be read first, or not."""

STATUSES: Final = (200, 202, 200, 202, 204, 301, 307, 401, 404, 429, 500, 502, 100, 101, 999)

_NAMES: Final = (
    "X-Request-Id",
    "X-Server-Time",
    "Date",
    "Retry-After",
    "X-Integrity-Token",
    "Content-Encoding",
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
    "Location",
    "Set-Cookie",
    "Connection",
)
_VALUES: Final = (
    "0",
    "-1",
    "9" * 400,
    "٣",
    "²",
    "Mon, 01 Jan 0001 00:00:00 -0000",
    "Fri, 31 Dec 9999 23:59:59 +9959",
    "Sat, 21 Nov 2026 10:00:00 GMT",
    "gzip",
    "deflate",
    "br",
    "chunked",
    "text/html; charset=nothing",
    "http://127.0.0.1:1/",
    "close",
    "",
    "a" * 9000,
)


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Yield the address of a server that answers each request, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(await answer(head, reader))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def odd_answer(choices: Choices, body: bytes, statuses: tuple[int, ...] = STATUSES) -> bytes:
    """Return an answer with ``body``, bent a little: its status, its headers, its bytes."""
    headers = [f"Content-Length: {len(body)}"] if not choices.once_in(8) else []
    if choices.once_in(8):
        body = gzip.compress(body, 1)[: 10 + choices.below(2000)]
        headers = ["Content-Encoding: gzip", f"Content-Length: {len(body)}"]
    for _ in range(choices.below(4)):
        value = choices.pick((*_VALUES, choices.text()))
        headers.append(f"{choices.pick(_NAMES)}: {value}")
    status = choices.pick(statuses) if choices.once_in(2) else 200
    answer = good_answer(body, status, headers)
    if choices.once_in(8):
        at = choices.below(len(answer) + 1)
        answer = answer[:at] + choices.some() + answer[at + choices.below(8) :]
    return answer


def good_answer(body: bytes, status: int = 200, headers: list[str] | None = None) -> bytes:
    """Return an answer, with its length unless ``headers`` are given."""
    if headers is None:
        headers = [f"Content-Length: {len(body)}"]
    head = "\r\n".join([f"HTTP/1.1 {status} OK", *headers, "", ""])
    return head.encode("utf-8", "surrogatepass") + body
