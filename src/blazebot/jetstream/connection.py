"""The connection to NATS."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from functools import cache
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from blazebot.errors import EngineError
from blazebot.jetstream.context import read_context

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


async def connect(url: str, *, name: str, within: float) -> Client:
    """Return a connection to NATS that comes back by itself whenever it is lost.

    ``url`` may be several, separated by commas: the nodes of a cluster, or the path of a context
    file. ``name`` is what NATS shows; ``within`` is in seconds.

    Raises:
        EngineError: ``url`` is none, or NATS cannot be reached in time.
    """
    context = read_context(url)
    options = context.options()
    client = Client()

    async def on_disconnected() -> None:
        if not client.is_closed:
            logger.warning("the connection to NATS is lost")

    try:
        async with asyncio.timeout(within):
            await client.connect(
                context.servers,
                name=name,
                error_cb=_on_error,
                disconnected_cb=on_disconnected,
                reconnected_cb=_on_reconnected,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_PAUSE,
                ping_interval=_PING_EVERY,
                **options,
            )
    except (NatsError, OSError, TimeoutError) as error:
        words = str(error) or type(error).__name__
        raise EngineError(
            f"no connection to NATS at {', '.join(context.hosts)} in {within:g} s ({words}): see "
            "that nats-server runs there with JetStream (-js), and that user and password are right"
        ) from None
    return client


def warn_if_old(client: Client, replicas: int) -> None:
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
