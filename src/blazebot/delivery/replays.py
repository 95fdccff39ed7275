"""Dead letters that somebody wants to be handled again, taken up while the bot runs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from blazebot.delivery.dead_letters import DeadLetters
from blazebot.delivery.engine import Line
from blazebot.errors import BlazebotError
from blazebot.wire.messages import MessageView

logger = logging.getLogger("blazebot.delivery")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks: whoever asks is another process, which only leaves a mark."""

EXPIRE_EVERY: Final = 3600.0
"""Seconds between two looks for dead letters that are too old."""


class Replays:
    """Gives the messages to be replayed to ``replay``, again and again until they are done with.

    ``replay`` ignores those that it has taken already. It gets none while the line is not open.
    """

    def __init__(
        self, letters: DeadLetters, line: Line, replay: Callable[[MessageView], None]
    ) -> None:
        self._letters = letters
        self._line = line
        self._replay = replay
        self._expired_at = -EXPIRE_EVERY

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                self._look()
            except (sqlite3.Error, BlazebotError) as error:
                logger.warning("the dead letters cannot be read: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    def _look(self) -> None:
        if not self._letters.exists:
            return
        now = time.monotonic()
        if now - self._expired_at >= EXPIRE_EVERY:
            self._expired_at = now
            self._letters.expire()
        if self._line.is_open:
            for view in self._letters.to_replay():
                self._replay(view)
