"""Conversations with people: which exist, and those that the bot has to create, each once."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

logger = logging.getLogger("blazebot.delivery")

REMEMBERED: Final = 100_000
"""Conversations that are known to exist and kept in memory; all are kept on disk."""

AT_ONCE: Final = 16
"""Conversations that are created at once."""

_SAVE_AFTER: Final = 1.0  # seconds until those that were heard from are on disk
_SAVE_AT: Final = 1000  # or at once if they are so many


class Conversations:
    """Knows which conversations with people exist, and has the others created.

    ``create(user_id)`` creates one with the bot's own token [S]; creating one that exists is no
    error. Those created are remembered in the file at ``path``, so that it happens
    once; so are those that the bot hears from, which exist anyway.
    """

    def __init__(self, path: Path, create: Callable[[str], Awaitable[object]]) -> None:
        self._path = path
        self._create = create
        self._known: OrderedDict[str, None] = OrderedDict()
        self._unsaved: list[str] = []
        self._saving: asyncio.TimerHandle | None = None
        self._creating: dict[str, asyncio.Future[None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._database: sqlite3.Connection | None = None

    def exists(self, conversation_id: str) -> None:
        """Note that a conversation exists, because something came from it."""
        if conversation_id not in self._known:
            self._know(conversation_id)
            self._unsaved.append(conversation_id)
            if len(self._unsaved) >= _SAVE_AT:
                self._save()
            elif self._saving is None:
                self._saving = asyncio.get_running_loop().call_later(_SAVE_AFTER, self._save)

    async def ensure(self, conversation_id: str, user_id: str) -> None:
        """Return when the conversation with ``user_id`` exists; raises what ``create`` raises.

        Any number may be asked for at once: some are created at a time.
        """
        if conversation_id in self._known:
            return
        creating = self._creating.get(conversation_id)
        if creating is None:
            creating = asyncio.ensure_future(self._ensure(conversation_id, user_id))
            self._creating[conversation_id] = creating
            creating.add_done_callback(partial(self._created, conversation_id))
        await asyncio.shield(creating)

    def _created(self, conversation_id: str, creating: asyncio.Future[None]) -> None:
        del self._creating[conversation_id]
        if not creating.cancelled():
            creating.exception()  # whoever wanted it may be gone

    async def _ensure(self, conversation_id: str, user_id: str) -> None:
        if not self._is_kept(conversation_id):
            async with self._room:
                await self._create(user_id)
            self._keep([conversation_id])
        self._know(conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Know a conversation no more, though it exists."""
        self._known.pop(conversation_id, None)
        if conversation_id in self._unsaved:
            self._unsaved.remove(conversation_id)
        with self._open() as database:
            database.execute("DELETE FROM existing WHERE id = ?", (conversation_id,))

    def close(self) -> None:
        """Write what is to be kept, and close the file."""
        if self._saving is not None:
            self._save()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _know(self, conversation_id: str) -> None:
        self._known[conversation_id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _save(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        unsaved, self._unsaved = self._unsaved, []
        self._keep(unsaved)

    # Where the file cannot be used, such as on a full disk, they are perhaps created once more,
    # without harm: nothing is held up by that.

    def _is_kept(self, conversation_id: str) -> bool:
        try:
            row = self._open().execute("SELECT 1 FROM existing WHERE id = ?", (conversation_id,))
            return row.fetchone() is not None
        except (sqlite3.Error, OSError) as error:
            logger.warning("conversations that exist could not be looked up: %s", error)
            return False

    def _keep(self, conversation_ids: Iterable[str]) -> None:
        try:
            with self._open() as database:
                database.executemany(
                    "INSERT OR IGNORE INTO existing VALUES (?)",
                    ((one,) for one in conversation_ids),
                )
        except (sqlite3.Error, OSError) as error:
            logger.warning("conversations that exist could not be kept: %s", error)

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.touch(mode=0o600)
            database = sqlite3.connect(self._path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")  # lost, it is created once more
            database.execute(
                "CREATE TABLE IF NOT EXISTS existing (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"
            )
            self._database = database
        return self._database
