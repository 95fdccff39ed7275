"""The connection to NATS."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from typing import Any, Final

from nats.aio.client import Client as NatsClient
from nats.errors import Error as NatsError

from blazebot.bot.shown import printable
from blazebot.errors import EngineError
from blazebot.jetstream.context import Context, read_context

__all__ = ["Client", "NatsError", "close", "connect", "end", "warn_if_old"]

logger = logging.getLogger("blazebot.jetstream")

# What cannot be reached says so to whoever waits for it; the client's own log has tracebacks.
logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)

GIVE_UP: Final = 2.0
"""Seconds after which what is closed and does not end is left behind."""

CURRENT: Final = (2, 12)
"""The oldest nats-server of which clusters were seen to keep all that they had taken while their
nodes were ended one at a time; one of 2.9 did not: docs/reliability.md."""

_RECONNECT_PAUSE: Final = 1
_PING_EVERY: Final = 5
_CANCEL_EVERY: Final = 0.2


class Client(NatsClient):
    """The client of NATS; with ``tls`` it says nothing to a server before that one speaks TLS.

    By itself it uses TLS where the server demands it, and else signs in without.
    """

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__()
        self._tls = tls

    async def close(self) -> None:
        """Close it for good."""
        # The client cancels its reconnection once, which may be missed: it would go on for ever.
        if self._reconnection_task is not None:
            await end((self._reconnection_task,))
        await super().close()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # What a server says first, at each connection. wss:// and tls_first have TLS by then.
        server = self._current_server
        spoken = self.options["tls_handshake_first"] or (server and server.uri.scheme == "wss")
        if self._tls and initial_connection and not spoken:
            if not (info.get("tls_required") or info.get("tls_available")):
                if self._transport is not None:
                    self._transport.close()  # type: ignore[no-untyped-call]
                raise NatsError("TLS is asked for, and the server has none; nothing was sent to it")
            info["tls_required"] = True
            # Who is on the way could name servers of their own; ours tell of new ones under TLS.
            info.pop("connect_urls", None)
        await super()._process_info(info, initial_connection)

    async def _attempt_reconnect(self) -> None:
        # When a connection is lost as soon as it is back, the client ends one future twice.
        with suppress(asyncio.InvalidStateError):
            await super()._attempt_reconnect()


async def connect(url: str, *, name: str, within: float) -> Client:
    """Return a connection to NATS that comes back by itself whenever it is lost.

    ``url`` may be several, separated by commas: the nodes of a cluster, or the path of a context
    file. ``name`` is what NATS shows; ``within`` is in seconds.

    Raises:
        EngineError: ``url`` is none, or NATS cannot be reached in time.
    """
    context = read_context(url)
    client = Client(tls=context.asks_for_tls)
    try:
        await _connect(client, context, name, within)
    except BaseException:
        await close(client)
        raise
    return client


async def _connect(client: Client, context: Context, name: str, within: float) -> None:
    async def on_disconnected() -> None:
        if not client.is_closed:
            logger.warning("the connection to NATS is lost")

    # In a task of its own, which a deadline surely leaves: the client catches cancellations.
    connecting = asyncio.create_task(
        client.connect(
            context.servers,
            name=name,
            error_cb=_on_error,
            disconnected_cb=on_disconnected,
            reconnected_cb=_on_reconnected,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_PAUSE,
            ping_interval=_PING_EVERY,
            **context.options(),
        )
    )
    try:
        async with asyncio.timeout(within):
            await asyncio.shield(connecting)
    except (NatsError, OSError, TimeoutError) as error:
        words = printable(str(client.last_error or error)) or type(error).__name__
        raise EngineError(
            f"no connection to NATS at {', '.join(context.hosts)} in {within:g} s ({words}): see "
            "that nats-server runs there with JetStream (-js), and that user and password are right"
        ) from None
    finally:
        await end((connecting,))


def warn_if_old(client: NatsClient, replicas: int) -> None:
    """Warn of a cluster that may lose what it has taken, once in a process."""
    server = client.connected_server_version
    if replicas > 1 and (server.major, server.minor) < CURRENT:
        _warn_of(f"{server.major}.{server.minor}.{server.patch}")


@cache
def _warn_of(version: str) -> None:
    logger.warning(
        "nats-server %s: a cluster of servers before %d.%d may lose messages; take a current one",
        version,
        *CURRENT,
    )


async def close(client: Client) -> None:
    """Close a connection; what does not end is left behind."""
    # In a task of its own, which a deadline surely leaves: the client catches cancellations.
    closing = asyncio.create_task(client.close())
    await asyncio.wait((closing,), timeout=GIVE_UP)
    if not closing.done():
        closing.cancel()
        logger.warning("the connection to NATS did not close in %g s", GIVE_UP)
    elif not closing.cancelled() and (error := closing.exception()) is not None:
        logger.warning("the connection to NATS did not close: %s", error)


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks, and return when they have ended; one that does not is left behind."""
    left = set(tasks)
    deadline = time.monotonic() + GIVE_UP
    while left and time.monotonic() < deadline:
        # Again and again: the client of NATS may take a cancellation for something else.
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_EVERY)
    if left:
        logger.warning("%d tasks do not end: %s", len(left), next(iter(left)))


async def _on_error(error: Exception) -> None:
    logger.debug("NATS: %s", str(error) or type(error).__name__)


async def _on_reconnected() -> None:
    logger.warning("the connection to NATS is back")
