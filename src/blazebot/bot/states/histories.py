"""The histories of states in use, in memory, over where they are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from blazebot.bot.states.history import History
from blazebot.bot.states.storage import StateKey, StateStorage
from blazebot.errors import StateError
from blazebot.wire.limits import MIB

MEMORY_LIMIT: Final = 64 * MIB
"""What histories may take that nobody uses now, in bytes; those used longest ago go first."""


class Entry:
    """A history, empty until it is loaded, and how many use it.

    ``lock`` is held while it is loaded or saved; ``size`` is what it counted for last.
    """

    __slots__ = ("history", "is_loaded", "key", "lock", "size", "users")

    def __init__(self, key: StateKey) -> None:
        self.key = key
        self.history = History()
        self.is_loaded = False
        self.lock = asyncio.Lock()
        self.size = 0
        self.users = 0


class Histories:
    """Histories by key, each once, so that all who use one see what the others do."""

    def __init__(self, storage: StateStorage, limit: int = MEMORY_LIMIT) -> None:
        self._storage = storage
        self._limit = limit
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._size = 0

    def take(self, key: tuple[str, str]) -> Entry:
        """Return the entry of a key, which stays in memory until it is given back."""
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(StateKey(*key))
            self._entries[entry.key] = entry
        entry.users += 1
        return entry

    def give_back(self, entry: Entry) -> None:
        """Let an entry go that :meth:`take` gave."""
        entry.users -= 1
        self._entries.move_to_end(entry.key)
        size = entry.history.size
        if size != entry.size:
            self._size += size - entry.size
            entry.size = size
        while self._size > self._limit and (unused := self._longest_unused()) is not None:
            self._drop(unused)

    def _longest_unused(self) -> Entry | None:
        return next((entry for entry in self._entries.values() if not entry.users), None)

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.key]
        self._size -= entry.size

    async def load(self, entry: Entry) -> None:
        """Load the history of an entry from where it is kept, unless somebody has.

        Raises:
            StateError: it cannot be read.
        """
        async with entry.lock:
            if not entry.is_loaded:
                stored = await self._storage.load(entry.key)
                if stored is not None:
                    entry.history = _decode(stored)
                entry.is_loaded = True

    async def save(self, entry: Entry, history: History, until: float | None) -> None:
        """Put ``history`` in place of that of an entry, whose lock is held.

        Raises:
            StateError: it cannot be kept; nothing has changed.
        """
        await self._storage.save(entry.key, history.encode(), until)
        entry.history = history

    async def forget(self, user_id: str) -> None:
        """Delete the states of a person, also those in use.

        Raises:
            StateError: they cannot be deleted.
        """
        async with AsyncExitStack() as held:
            for entry in self._of(user_id):
                await held.enter_async_context(entry.lock)
            await self._storage.forget(user_id)
        for entry in self._of(user_id):
            if entry.users:
                entry.history = History()
            else:
                self._drop(entry)

    def _of(self, user_id: str) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.key.user_id == user_id]


def _decode(stored: bytes) -> History:
    try:
        return History.decode(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateError(f"what is kept of a state cannot be read: {error}") from None
