"""Telling people that their message could not be handled."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from blazebot.bot.message import Message
from blazebot.bot.outgoing import Sendable, check_sendable
from blazebot.wire.content import Content

ErrorHandler = Callable[[Message[Content], BaseException], Coroutine[Any, Any, None]]


def error_to_user(reply: Sendable) -> ErrorHandler:
    """Return a handler of errors that replies with ``reply``: ``bot.on_error(error_to_user(...))``.

    As all handlers of errors, it runs once the last try has failed, so that nobody is told of what
    the next try puts right.

    Raises:
        ContentError: ``reply`` cannot be sent.
    """
    check_sendable(reply)

    async def tell(message: Message[Content], error: BaseException) -> None:
        await message.reply(reply)

    return tell
