"""What handlers run for, and which of it is being handled."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from blazebot.delivery.message_ids import SentByHandler

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot


class Event:
    """Something that handlers run for: a message, a receipt, the start of the bot.

    ``handed`` is what filters, middleware and providers have handed over so far, by type, for the
    parameters annotated so. ``sent`` derives the ids of what is sent meanwhile; None where what
    is sent has nothing to do with it, as at the start.
    """

    __slots__ = ("bot", "handed", "sent")

    def __init__(self, bot: Bot, sent: SentByHandler | None) -> None:
        self.bot = bot
        self.sent = sent
        self.handed: dict[object, Any] = {}

    def ended(self) -> None:
        """Note that its handlers have ended; tasks that they began may go on."""
        if self.sent is not None:
            self.sent.runs_again = False


current_bot: ContextVar[str] = ContextVar("current_bot", default="")
"""The id of the bot whose work is done in this context, for the log; empty where it is not known.

Whoever runs several bots sets it; what a bot starts inherits it."""

current_event: ContextVar[Event | None] = ContextVar("current_event", default=None)
"""What is being handled in this context, so that ``bot.send`` derives its ids as a reply does.

A task that a handler begins inherits it, and may outlive the handler."""


def sent_by_current() -> SentByHandler | None:
    """Return what derives the ids of sends in this context; None outside handlers."""
    event = current_event.get()
    return None if event is None else event.sent
