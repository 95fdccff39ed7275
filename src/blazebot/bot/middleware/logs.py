"""Logging: which message is being handled, on every line, and a line for each message."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from blazebot.bot.events import current_bot, current_event
from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Next
from blazebot.watch.log_formats import CONTEXT
from blazebot.wire.content import Content

logger = logging.getLogger("blazebot.messages")


class LogContext(logging.Filter):
    """Adds to a log record what is being handled where it was written, for formats to show.

    These are ``bot``, ``message_id``, ``conversation_id``, ``user_id`` and ``handler``; and
    ``context``, all of them in words. They are empty where no message is handled; ``bot`` is known
    where bots are run by ``run``, too. Add it to the handlers of ``logging``:
    ``handler.addFilter(LogContext())``.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the context; never drops a record."""
        for name, value in _context().items():
            vars(record).setdefault(name, value)  # the line itself may say of which message it is
        of = vars(record)
        words = [f"bot {of['bot']}"] if of["bot"] else []
        if of["message_id"]:
            where = f"of {of['user_id']} in {of['conversation_id']}"
            words += [f"message {of['message_id']} {where}", of["handler"] or "no handler yet"]
        record.context = f"[{', '.join(words)}]" if words else ""
        return True


def _context() -> dict[str, str]:
    event = current_event.get()
    context = dict.fromkeys(CONTEXT, "")
    context["bot"] = current_bot.get() if event is None else event.bot.id
    if isinstance(event, Message):
        context["message_id"] = event.id
        context["conversation_id"] = event.conversation_id
        context["user_id"] = event.user_id
        context["handler"] = event.route.name if event.route else ""
    return context


def log_messages(
    level: int = logging.INFO,
) -> Callable[[Message[Content], Next], Coroutine[Any, Any, None]]:
    """Return outer middleware that logs each message: who took it, and for how long.

    Nothing of what it holds is logged.
    """

    async def log(message: Message[Content], call_next: Next) -> None:
        began = time.perf_counter()
        outcome = "failed"
        try:
            await call_next(message)
            outcome = "handled"
        finally:
            logger.log(
                level,
                "message %s (%s): %s by %s in %.1f ms",
                message.id,
                message.category,
                outcome,
                message.route.name if message.route else "nobody",
                (time.perf_counter() - began) * 1000,
            )

    return log
