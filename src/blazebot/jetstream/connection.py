"""The connection to NATS."""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError

from blazebot.errors import EngineError

__all__ = ["Client", "NatsError", "connect"]

logger = logging.getLogger("blazebot.jetstream")

# What cannot be reached says so to whoever waits for it; the client's own log has tracebacks.
logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)

SCHEMES: Final = ("nats", "tls", "ws", "wss")

_RECONNECT_PAUSE: Final = 1
_PING_EVERY: Final = 5


async def connect(url: str, *, name: str, within: float) -> Client:
    """Return a connection to NATS that comes back by itself whenever it is lost.

    ``url`` may be several, separated by commas: the nodes of a cluster. User and password or a
    token may stand in it. ``name`` is what NATS shows; ``within`` is in seconds.

    Raises:
        EngineError: ``url`` is none, or NATS cannot be reached in time.
    """
    servers = [one.strip() for one in url.split(",")]
    for server in servers:
        if urlsplit(server).scheme not in SCHEMES or not urlsplit(server).hostname:
            raise EngineError("engine: write nats://host:4222, or several with commas between")
    client = Client()

    async def on_disconnected() -> None:
        if not client.is_closed:
            logger.warning("the connection to NATS is lost")

    try:
        async with asyncio.timeout(within):
            await client.connect(
                servers,
                name=name,
                error_cb=_on_error,
                disconnected_cb=on_disconnected,
                reconnected_cb=_on_reconnected,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_PAUSE,
                ping_interval=_PING_EVERY,
            )
    except (NatsError, OSError, TimeoutError) as error:
        words = str(error) or type(error).__name__
        hosts = ", ".join(urlsplit(server).netloc.rpartition("@")[2] for server in servers)
        raise EngineError(
            f"no connection to NATS at {hosts} in {within:g} s ({words}): see that nats-server "
            "runs there with JetStream (-js), and that user and password are right"
        ) from None
    return client


async def _on_error(error: Exception) -> None:
    logger.debug("NATS: %s", error or type(error).__name__)


async def _on_reconnected() -> None:
    logger.warning("the connection to NATS is back")
