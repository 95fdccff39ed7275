"""States in SQLite, on disk before the message that changed them is acknowledged."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from blazebot.bot.states.storage import StateKey
from blazebot.errors import StateError

_PURGE_EVERY: Final = 3600.0
_BUSY: Final = 5.0  # seconds to wait for another process that writes

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS states (
    user_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    state BLOB NOT NULL,
    until REAL,  -- null: it is kept
    PRIMARY KEY (user_id, conversation_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS states_until ON states (until) WHERE until IS NOT NULL;
"""

_Write = tuple[str, Sequence[Any]]


class SqliteStateStorage:
    """Keeps states in the file at ``path``.

    Writing waits for the disk in a thread of its own; what comes meanwhile shares the next commit.

    Raises:
        StateError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Before SQLite makes its other files, which take this one's mode.
            path.touch(mode=0o600)
            path.chmod(0o600)
            # One of them only reads, so that it does not wait for the other's commits.
            self._reader, self._writer = self._connect(), self._connect()
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="blazebot-states")
        self._waiting: list[tuple[_Write, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._purge_at = 0.0

    async def load(self, key: StateKey) -> bytes | None:
        """Return what is kept for ``key``, or None; raises StateError: it cannot be read."""
        try:
            row = self._reader.execute(
                "SELECT state FROM states WHERE user_id = ? AND conversation_id = ?", key
            ).fetchone()
        except sqlite3.Error as error:
            raise self._error(error) from None
        return None if row is None else row[0]

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        """Keep ``state``; it is on disk when this returns. Raises StateError: it is not."""
        await self._write("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", (*key, state, until))

    async def forget(self, user_id: str) -> None:
        """Delete what is kept for keys with this person; raises StateError: it is not deleted."""
        await self._write("DELETE FROM states WHERE user_id = ?", (user_id,))

    async def close(self) -> None:
        """Finish writing, and close the file."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    async def _write(self, sql: str, parameters: Sequence[Any]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(((sql, parameters), done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await done

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error: StateError | None = None
            try:
                await loop.run_in_executor(self._thread, self._commit, [one for one, _ in waiting])
            except Exception as failure:
                error = self._error(failure)
            for _, done in waiting:
                if done.done():  # who waited was cancelled
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        self._writing = None

    def _commit(self, writes: Sequence[_Write]) -> None:
        now = time.time()
        with self._writer:
            for sql, parameters in writes:
                self._writer.execute(sql, parameters)
            if now >= self._purge_at:
                self._writer.execute("DELETE FROM states WHERE until < ?", (now,))
                self._purge_at = now + _PURGE_EVERY

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=_BUSY, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # acknowledged: ours alone from then on
        database.executescript(_SCHEMA)
        return database

    def _error(self, error: Exception) -> StateError:
        return StateError(
            f"{self._path}: states cannot be kept there: {error}; see to the disk, and that this "
            "user may write the file and its directory"
        )
