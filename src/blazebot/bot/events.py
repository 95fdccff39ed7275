"""What handlers run for, and which of it is being handled."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot
    from blazebot.delivery.message_ids import SentByHandler


class Event:
    """Something that handlers run for: a message, a receipt, the start of the bot.

    ``handed`` is what filters, middleware and providers have handed over so far, by type, for the
    parameters annotated so. ``sent`` derives the ids of what is sent meanwhile.
    """

    __slots__ = ("bot", "handed", "sent")

    def __init__(self, bot: Bot, sent: SentByHandler) -> None:
        self.bot = bot
        self.sent = sent
        self.handed: dict[object, Any] = {}


current_bot: ContextVar[str] = ContextVar("current_bot", default="")
"""The id of the bot whose work is done in this context, for the log; empty where it is not known.

Whoever runs several bots sets it; what a bot starts inherits it."""

current_event: ContextVar[Event | None] = ContextVar("current_event", default=None)
"""What is being handled in this context, so that ``bot.send`` derives its ids as a reply does."""
