"""What a running bot hears that concerns announcements: receipts, and people it had not met."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from blazebot.announce.people import People
from blazebot.announce.store import AnnouncementStore
from blazebot.errors import AnnouncementError
from blazebot.wire.ids import contact_conversation_id, is_uuid
from blazebot.wire.messages import READ, MessageView

logger = logging.getLogger("blazebot.announce")

WRITE_EVERY: Final = 0.5
"""Seconds for which news are gathered before they are written."""

REMEMBERED: Final = 100_000
"""People in conversations of whom is known that they are kept, or need not be."""

_HELD: Final = 100_000  # news that wait to be written; beyond them they are let go


class Hearing:
    """Takes news without waiting, and writes them together. ``app_id`` is the bot's."""

    def __init__(self, app_id: str, store: AnnouncementStore, people: People) -> None:
        self._app_id = app_id
        self._store = store
        self._people = people
        self._receipts: dict[str, str] = {}
        self._met: list[str] = []
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._failed = False

    def on_receipt(self, view: MessageView) -> None:
        """Take the receipt of a message, of an announcement or not."""
        if len(self._receipts) < _HELD and self._receipts.get(view.message_id) != READ:
            self._receipts[view.message_id] = view.status or ""
            self._write_soon()

    def on_message(self, view: MessageView) -> None:
        """Take a message: whoever writes to the bot by themselves is somebody it has met."""
        user_id, conversation_id = view.user_id or "", view.conversation_id or ""
        if (user_id, conversation_id) in self._known:
            return
        if not is_uuid(user_id) or len(self._met) >= _HELD:
            return
        self._known[user_id, conversation_id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if conversation_id == contact_conversation_id(self._app_id, user_id):
            self._met.append(user_id.lower())
            self._write_soon()

    async def forget(self, user_id: str) -> None:
        """Know somebody no more, and write what is still to be written of them."""
        self._known.pop((user_id, contact_conversation_id(self._app_id, user_id)), None)
        await self.write()
        self._met = [one for one in self._met if one != user_id]  # where the disk failed

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.write()

    async def write(self) -> None:
        """Return when all that was heard until now is written.

        It comes before a message is acknowledged, so that a bot that is killed has kept whoever
        wrote it. Where the disk fails, that is logged, and news wait in memory.
        """
        if not self._receipts and not self._met and not self._turn.locked():
            return
        async with self._turn:
            receipts, self._receipts = self._receipts, {}
            met, self._met = self._met, []
            try:
                if met:
                    await self._people.met(met)
                if receipts:
                    await self._store.receipts(receipts)
            except BaseException as error:
                self._put_back(receipts, met)
                if not isinstance(error, AnnouncementError):
                    raise
                if not self._failed:
                    logger.error("people and receipts wait until they can be kept: %s", error)
                self._failed = True
            else:
                self._failed = False

    def _put_back(self, receipts: Mapping[str, str], met: list[str]) -> None:
        self._met = met + self._met
        for message_id, status in receipts.items():
            if status == READ or message_id not in self._receipts:
                self._receipts[message_id] = status

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later())

    async def _write_later(self) -> None:
        try:
            await asyncio.sleep(WRITE_EVERY)
            await self.write()
        finally:
            self._writing = None
        if self._receipts or self._met:
            self._write_soon()
