"""Pulling messages from a durable consumer, for as long as there is a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext

__all__ = ["PULL", "pull"]

logger = logging.getLogger("blazebot.jetstream")

PULL: Final = 5.0
"""Seconds that one pull waits for messages. What is delivered to a process that hangs is delayed
by that at most, and by the time until it is redelivered."""

PAUSE: Final = 1.0
"""Seconds after a pull that failed until the next."""

AGAIN_AFTER: Final = 5.0
"""Seconds until a message comes again whose taking failed for a reason that nobody has foreseen."""


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
    again; a message that ``take`` fails for is logged and given back. Returns when the connection
    is closed for good.
    """
    while True:
        try:
            subscription = await js.pull_subscribe_bind(*consumer)
            try:
                while True:
                    with suppress(NatsTimeout):
                        for message in await subscription.fetch(most, timeout=PULL):
                            await _take_or_give_back(message, take)
            finally:
                with suppress(NatsError):
                    await subscription.unsubscribe()
        except ConnectionClosedError:
            return  # for good: a connection that is lost comes back
        except Exception as error:  # whatever it is: nobody else would go on here
            complain(error)
            await asyncio.sleep(PAUSE)


async def _take_or_give_back(message: Msg, take: Callable[[Msg], Awaitable[None]]) -> None:
    try:
        await take(message)
    except (NatsError, TimeoutError):
        raise
    except Exception:
        logger.exception("taking a message of %s failed; it comes again", message.subject)
        with suppress(NatsError):  # then it comes again when JetStream has waited long enough
            await message.nak(delay=AGAIN_AFTER)
