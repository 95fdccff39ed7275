"""Conversations with people that the bot had to create, each once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

REMEMBERED: Final = 100_000
"""Conversations that are known to exist and kept in memory."""


class Conversations:
    """Knows which conversations with people exist, and has the others created.

    ``create(user_id)`` creates one with the bot's own token [S]; creating one that exists is no
    error. Those created are remembered in the file at ``path``, so that it happens
    once; those that the bot hears from exist anyway and are remembered in memory.
    """

    def __init__(self, path: Path, create: Callable[[str], Awaitable[object]]) -> None:
        self._path = path
        self._create = create
        self._known: OrderedDict[str, None] = OrderedDict()
        self._creating: dict[str, asyncio.Future[None]] = {}
        self._database: sqlite3.Connection | None = None

    def exists(self, conversation_id: str) -> None:
        """Note that a conversation exists, because something came from it."""
        known = self._known
        if conversation_id in known:
            return
        known[conversation_id] = None
        if len(known) > REMEMBERED:
            known.popitem(last=False)

    async def ensure(self, conversation_id: str, user_id: str) -> None:
        """Return when the conversation with ``user_id`` exists; raises what ``create`` raises."""
        if conversation_id in self._known:
            return
        creating = self._creating.get(conversation_id)
        if creating is None:
            creating = asyncio.ensure_future(self._ensure(conversation_id, user_id))
            self._creating[conversation_id] = creating
            creating.add_done_callback(lambda _: self._creating.pop(conversation_id))
        await asyncio.shield(creating)

    async def _ensure(self, conversation_id: str, user_id: str) -> None:
        if not self._was_created(conversation_id):
            await self._create(user_id)
            self._remember(conversation_id)
        self.exists(conversation_id)

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _was_created(self, conversation_id: str) -> bool:
        row = self._open().execute("SELECT 1 FROM created WHERE id = ?", (conversation_id,))
        return row.fetchone() is not None

    def _remember(self, conversation_id: str) -> None:
        with self._open() as database:
            database.execute("INSERT OR IGNORE INTO created VALUES (?)", (conversation_id,))

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.touch(mode=0o600)
            database = sqlite3.connect(self._path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")  # lost, it is created once more
            database.execute(
                "CREATE TABLE IF NOT EXISTS created (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
            )
            self._database = database
        return self._database
