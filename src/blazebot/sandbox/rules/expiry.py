"""What ends by itself, by the retention clock: messages that disappear, and what is kept too long.

It is ended in small pieces, so that the service goes on meanwhile however much is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from msgspec.structs import replace

from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.attachments import Attachments
from blazebot.sandbox.rules.deliveries import Deliveries
from blazebot.sandbox.storage.store import Store

__all__ = ["Expiry"]

_EVERY: Final = 0.5
"""Seconds between two looks; one costs next to nothing where nothing is due."""

_PIECE: Final = 50
"""Messages that disappear in one turn of the loop: in a group each concerns up to 256 users."""

_DELIVERIES: Final = 200
"""Undelivered messages that are dropped in one turn of the loop."""

logger = logging.getLogger("blazebot.sandbox")


class Expiry:
    """Looks again and again for what is due.

    When the clock is moved the first piece is ended at once, before anybody is told that it was.
    """

    def __init__(
        self, store: Store, clocks: Clocks, deliveries: Deliveries, attachments: Attachments
    ) -> None:
        self._store = store
        self._clocks = clocks
        self._deliveries = deliveries
        self._attachments = attachments
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        clocks.on_move.append(self._clock_moved)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_some(self) -> bool:
        """End a piece of what is due; return whether there may be more."""
        now = self._clocks.now()
        return any(
            (
                self._store.messages.drop_expired(now, _DELIVERIES),
                self._disappear(now),
                self._attachments.remove_expired(),
            )
        )

    async def _run(self) -> None:
        while True:
            self._moved.clear()
            more = False
            try:
                more = self.end_some()
            except Exception:
                logger.exception("what is due could not be ended; it is tried again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0 if more else _EVERY):
                    await self._moved.wait()

    def _clock_moved(self) -> None:
        self.end_some()
        self._moved.set()

    def _disappear(self, now: int) -> bool:
        page = self._store.messages.disappearing(now, _PIECE)
        for message in page:
            self._deliveries.take_back(message)
            gone = replace(
                message,
                data=b"",
                mentions="",
                pinned=0,
                disappears_at=0,
                disappeared=1,
                updated_at=now,
                changed=self._store.next_position(),
            )
            self._store.messages.edit(gone)
            self._deliveries.announce()
        return bool(page)
