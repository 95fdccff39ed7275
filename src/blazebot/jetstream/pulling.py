"""Pulling messages from a durable consumer, for as long as there is a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext

__all__ = ["PULL", "pull"]

PULL: Final = 5.0
"""Seconds that one pull waits for messages. What is delivered to a process that hangs is delayed
by that at most, and by the time until it is redelivered."""

_PAUSE: Final = 1.0  # after a pull that failed


async def pull(
    js: JetStreamContext,
    consumer: tuple[str, str],
    most: int,
    *,
    take: Callable[[Msg], Awaitable[None]],
    complain: Callable[[Exception], None],
) -> None:
    """Pull up to ``most`` messages at a time and ``take`` them, one after another.

    ``consumer`` is its name and its stream's. What goes wrong is told to ``complain``, and tried
    again; returns when the connection is closed for good.
    """
    while True:
        try:
            subscription = await js.pull_subscribe_bind(*consumer)
            try:
                while True:
                    with suppress(NatsTimeout):
                        for message in await subscription.fetch(most, timeout=PULL):
                            await take(message)
            finally:
                with suppress(NatsError):
                    await subscription.unsubscribe()
        except ConnectionClosedError:
            return  # for good: a connection that is lost comes back
        except (NatsError, TimeoutError) as error:
            complain(error)
            await asyncio.sleep(_PAUSE)
