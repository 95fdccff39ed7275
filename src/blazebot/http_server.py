"""An HTTP server within bounds: so many connections, and none that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import IO, Any, Final, cast
from weakref import WeakValueDictionary

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

__all__ = ["FileResponse", "HttpServer"]

logger = logging.getLogger("blazebot.http")


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether an error that is logged is not only that a request is malformed.

    That is answered: else whoever may connect could fill the log.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, web.RequestPayloadError))


logger.addFilter(_is_ours)

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Connection: close\r\n\r\nThere are as many connections as there may be.\n"
)

_LATE: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"The request did not come on.\n"
)

_BACKLOG: Final = 1024
"""Connections that wait to be taken; where the system takes fewer, others wait for seconds."""

_REFUSALS_MOST: Final = 64
"""Connections that are being told that there is no room; further ones are cut without a word."""

_REFUSAL: Final = 1.0
"""Seconds in which whoever is refused may hear it."""


class HttpServer:
    """Serves an application to at most ``most`` connections; who comes then is refused with 503.

    A connection is closed if no whole head of a request comes within ``patience`` seconds, and
    dropped if for so long (twice at most) nothing moves of a request that is not whole, or of an
    answer that is not taken. WebSockets are left alone once they are open: who serves them pings.
    By TLS a connection counts once its handshake is done, which has ``patience`` seconds too.
    ``grace`` is how many seconds answers that are under way have at the end.
    """

    def __init__(self, app: web.Application, *, most: int, patience: float, grace: float) -> None:
        self._most = most
        self._patience = patience
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=logger,
            handle_signals=False,
            keepalive_timeout=patience,
            lingering_time=_REFUSAL,
            shutdown_timeout=grace,
        )
        app.middlewares.insert(0, self._note)
        app.on_response_prepare.append(self._prepare)
        self._listening: list[asyncio.Server] = []
        self._coming = 0
        self._refusals: set[asyncio.BaseTransport] = set()
        # The newest request of each connection, as long as somebody is busy with it.
        self._requests: WeakValueDictionary[asyncio.Protocol, web.Request] = WeakValueDictionary()
        self._watch: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen at an address too, by TLS where there is a ``context``; return the port.

        Raises:
            OSError: it cannot be listened on.
        """
        if self._runner.server is None:
            await self._runner.setup()
            self._watch = asyncio.create_task(self._drop_what_stands_still())
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._connection,
            host,
            port,
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self._patience if context else None,
        )
        self._listening.append(server)
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    def stop_listening(self) -> None:
        """Take no more connections, until :meth:`listen`."""
        for server in self._listening:
            server.close()
        self._listening.clear()

    def cut(self) -> None:
        """Cut all connections, as the end of the process would."""
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Listen no more, and close all connections."""
        self.stop_listening()
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._runner.cleanup()

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) + self._coming >= self._most:
            return _Refusal(self._refusals)
        # It is among the connections once its transport has told it that it is made.
        self._coming += 1
        asyncio.get_running_loop().call_soon(self._came)
        return server()

    def _came(self) -> None:
        self._coming -= 1

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._requests[request.protocol] = request
        try:
            return await handler(request)
        except ConnectionError:
            if request.transport is not None and not request.transport.is_closing():
                raise
            return web.Response()  # to nobody: whoever asked is gone

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        if isinstance(response, web.WebSocketResponse):
            self._requests.pop(request.protocol, None)
        elif request.content.exception() or not request.content.is_eof():
            # Behind the rest of the body no request could be read.
            response.force_close()
            response.headers["Connection"] = "close"

    async def _drop_what_stands_still(self) -> None:
        seen: dict[asyncio.Protocol, tuple[int, int]] = {}
        while True:
            await asyncio.sleep(self._patience)
            moved = seen
            seen = {}
            for connection, request in list(self._requests.items()):
                transport = request.transport
                if transport is None:
                    continue
                waiting = transport.get_write_buffer_size()
                if request.content.is_eof() and not waiting:
                    continue
                written = request.writer.output_size
                seen[connection] = (request.content.total_bytes, written - waiting)
                if moved.get(connection) == seen[connection]:
                    _drop(transport, began=written > 0)


class FileResponse(web.FileResponse):
    """A file that is sent in pieces: of what the system sends by itself nobody sees it move."""

    async def _sendfile(
        self, request: web.BaseRequest, fobj: IO[Any], offset: int, count: int
    ) -> AbstractStreamWriter:
        writer = cast("AbstractStreamWriter", await web.StreamResponse.prepare(self, request))
        return await self._sendfile_fallback(writer, fobj, offset, count)


def _drop(transport: asyncio.Transport, *, began: bool) -> None:
    """End a connection: with words, unless its answer ``began`` and is not taken."""
    if began:
        transport.abort()
    else:
        transport.write(_LATE)
        transport.close()


class _Refusal(asyncio.Protocol):
    """Tells a connection that there is no room for it, and ends it."""

    def __init__(self, refusals: set[asyncio.BaseTransport]) -> None:
        self._refusals = refusals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if len(self._refusals) >= _REFUSALS_MOST:
            self._transport.abort()
            return
        self._refusals.add(transport)
        self._transport.write(_FULL)
        # Closed at once, what it has sent meanwhile would have the words thrown away.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_REFUSAL, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._refusals.discard(self._transport)
