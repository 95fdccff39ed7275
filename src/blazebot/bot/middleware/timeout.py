"""A time limit for handlers of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from blazebot.bot.deadlines import handler_deadline
from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Next
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content


def timeout(seconds: float) -> Callable[[Message[Content], Next], Coroutine[Any, Any, None]]:
    """Return inner middleware that ends a handler after ``seconds`` with HandlerTimeout.

    The setting ``handler_timeout`` goes on to hold for all handlers: this one is for fewer seconds.

    Raises:
        RegistrationError: ``seconds`` is no number above 0.
    """
    if not (isinstance(seconds, int | float) and seconds > 0):
        raise RegistrationError(f"timeout({seconds!r:.80}): should be a number of seconds above 0")

    async def limit(message: Message[Content], call_next: Next) -> None:
        what = f"handler {message.route.place}" if message.route else "what is behind timeout()"
        async with handler_deadline(seconds, what, f"its middleware, timeout({seconds:g})"):
            await call_next(message)

    return limit
