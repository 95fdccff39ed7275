"""Receipts: what became of a message that the bot sent."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from blazebot.bot.events import Event
from blazebot.delivery.message_ids import SentByHandler
from blazebot.wire.messages import MessageView

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

logger = logging.getLogger("blazebot.bot")


class Receipt(Event):
    """Somebody has received (``DELIVERED``) or read (``READ``) a message that the bot sent [S].

    ``user_id`` and ``conversation_id`` are empty where the service does not say.
    """

    __slots__ = ("view",)

    sent: SentByHandler

    def __init__(self, bot: Bot, view: MessageView) -> None:
        # A receipt that comes again gives the same ids, so what is sent for it takes effect once.
        key = f"{view.message_id}|{view.status}|{view.user_id}|receipt"
        super().__init__(bot, SentByHandler(bot.id, key, runs_again=False))
        self.view = view

    def __repr__(self) -> str:
        return f"<Receipt {self.status} of {self.message_id}>"

    @property
    def message_id(self) -> str:
        """The message that the bot sent."""
        return self.view.message_id

    @property
    def status(self) -> str:
        """``DELIVERED`` or ``READ``."""
        return self.view.status or ""

    @property
    def user_id(self) -> str:
        """Who received or read it [A]: nobody outside the service knows whose id stands there."""
        return self.view.user_id or ""

    @property
    def conversation_id(self) -> str:
        """Where it was sent."""
        return self.view.conversation_id or ""


class ReceiptWorker:
    """Receipts on their way to their handlers, one after another; ``receive`` never raises.

    Beyond ``limit`` they are let go: a receipt is news, nothing depends on it.
    """

    def __init__(self, receive: Callable[[Receipt], Awaitable[None]], limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._waiting: deque[Receipt] = deque()
        self._task: asyncio.Task[None] | None = None
        self.let_go = 0
        """Receipts that nobody was called for, as too many were waiting."""

    def offer(self, receipt: Receipt) -> None:
        """Take a receipt; never waits."""
        if len(self._waiting) >= self._limit:
            if not self.let_go:
                logger.warning("more than %d receipts wait: others are let go", self._limit)
            self.let_go += 1
            return
        self._waiting.append(receipt)
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Return when all are handled; when this is cancelled, they are given up."""
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._receive(self._waiting.popleft())
        finally:
            self._task = None
