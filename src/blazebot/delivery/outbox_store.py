"""The outbox on disk: messages that were accepted and that the service has not taken yet."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from blazebot.errors import OutboxError
from blazebot.wire.messages import MessageRequest

logger = logging.getLogger("blazebot.delivery")

FILE_NAME: Final = "outbox.db"
"""The file's name in a bot's data directory."""

FAILED_KEPT: Final = 30 * 24 * 3600.0
"""Seconds for which it is remembered that a message was refused."""

_BUSY: Final = 10.0  # seconds to wait for another process that writes

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of sending
    message_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL, -- whose process sends it
    recipient_id TEXT,
    entry BLOB NOT NULL,
    failed_at REAL,
    reason TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS waiting ON entries (session_id, number) WHERE failed_at IS NULL;
CREATE INDEX IF NOT EXISTS failed ON entries (failed_at) WHERE failed_at IS NOT NULL;
"""


class Entry(msgspec.Struct, frozen=True):
    """A message to be sent. ``plaintext`` is what to encrypt; None where it goes plain.

    ``may_be_plain``: it goes plain where it cannot be read encrypted.
    """

    request: MessageRequest
    plaintext: bytes | None = None
    may_be_plain: bool = True


class Kept(NamedTuple):
    """An entry and its number: they are sent in the order of these."""

    number: int
    entry: Entry


class Failed(msgspec.Struct, frozen=True):
    """A message that the service refused for good; ``failed_at`` is in unix seconds."""

    message_id: str
    conversation_id: str
    recipient_id: str | None
    reason: str
    failed_at: float


class OutboxStore:
    """The outbox of a bot in the file at ``path``; what the process of ``session_id`` sends.

    Writing waits for the disk in a thread of its own; what comes meanwhile shares the next commit.

    Raises:
        OutboxError: from each method; the file cannot be used.
    """

    def __init__(self, path: Path, session_id: str) -> None:
        self._path = path
        self._session_id = session_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="blazebot-outbox")
        self._database: sqlite3.Connection | None = None
        self._waiting: list[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a file: there is none before the first message."""
        return self._path.exists()

    async def add(self, entry: Entry) -> int | None:
        """Keep a message, and return its number; None if one of its id is to be sent already.

        If one of its id was refused, it stands in for that one, behind all others.
        """
        request = entry.request
        row = (
            request.message_id,
            self._session_id,
            request.recipient_id,
            msgspec.json.encode(entry),
        )

        def add(database: sqlite3.Connection) -> Any:
            database.execute(
                "DELETE FROM entries WHERE message_id = ? AND failed_at IS NOT NULL",
                (request.message_id,),
            )
            return _first(
                database.execute(
                    "INSERT INTO entries (message_id, session_id, recipient_id, entry)"
                    " VALUES (?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING RETURNING number",
                    row,
                )
            )

        number: int | None = await self._write(add)
        return number

    async def waiting(self, after: int, limit: int) -> list[Kept]:
        """Return messages behind a number, in order."""
        rows = await self._write(
            lambda database: database.execute(
                "SELECT number, entry FROM entries WHERE session_id = ? AND number > ?"
                " AND failed_at IS NULL ORDER BY number LIMIT ?",
                (self._session_id, after, limit),
            ).fetchall()
        )
        return [Kept(number, msgspec.json.decode(entry, type=Entry)) for number, entry in rows]

    async def sessions(self) -> list[str]:
        """Return the other sessions whose processes were to send something."""
        rows = await self._write(
            lambda database: database.execute(
                "SELECT DISTINCT session_id FROM entries WHERE failed_at IS NULL"
                " AND session_id != ?",
                (self._session_id,),
            ).fetchall()
        )
        return [session_id for (session_id,) in rows]

    async def take_over(self, session_id: str) -> None:
        """Send what the process of another session was to send."""
        await self._write(
            lambda database: database.execute(
                "UPDATE entries SET session_id = ? WHERE session_id = ? AND failed_at IS NULL",
                (self._session_id, session_id),
            )
        )

    def taken(self, numbers: Sequence[int]) -> None:
        """Forget messages soon: the service has them, and drops them should they come again."""
        rows = [(number,) for number in numbers]
        forgotten = self._ask(
            lambda database: database.executemany("DELETE FROM entries WHERE number = ?", rows)
        )
        forgotten.add_done_callback(_log_failure)

    async def refused(self, number: int, reason: str) -> None:
        """Remember that the service does not take a message, and let those of long ago go."""
        now = time.time()

        def note(database: sqlite3.Connection) -> None:
            database.execute(
                "UPDATE entries SET failed_at = ?, reason = ? WHERE number = ?",
                (now, reason, number),
            )
            database.execute("DELETE FROM entries WHERE failed_at < ?", (now - FAILED_KEPT,))

        await self._write(note)

    async def failed(self) -> list[Failed]:
        """Return what was refused of late, the earliest first."""
        rows = await self._write(
            lambda database: database.execute(
                "SELECT entry, reason, failed_at FROM entries WHERE failed_at IS NOT NULL"
                " ORDER BY failed_at"
            ).fetchall()
        )
        requests = [msgspec.json.decode(entry, type=Entry).request for entry, _, _ in rows]
        return [
            Failed(one.message_id, one.conversation_id, one.recipient_id, reason, failed_at)
            for one, (_, reason, failed_at) in zip(requests, rows, strict=True)
        ]

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person, sent or not."""
        await self._write(
            lambda database: database.execute(
                "DELETE FROM entries WHERE recipient_id = ?", (user_id,)
            )
        )

    async def close(self) -> None:
        """Finish writing, and close the file."""
        if self._writing is not None:
            await self._writing
        if self._database is not None:
            database, self._database = self._database, None
            await asyncio.get_running_loop().run_in_executor(self._thread, database.close)
        self._thread.shutdown()

    async def _write(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self._ask(work)

    def _ask(self, work: Callable[[sqlite3.Connection], Any]) -> asyncio.Future[Any]:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        return done

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                works = [work for work, _ in waiting]
                try:
                    results = await loop.run_in_executor(self._thread, self._commit, works)
                except (sqlite3.Error, OSError) as error:
                    for _, done in waiting:
                        if not done.done():
                            done.set_exception(self._error(error))
                else:
                    for (_, done), result in zip(waiting, results, strict=True):
                        if not done.done():  # else who waited was cancelled
                            done.set_result(result)
        finally:
            self._writing = None

    def _commit(self, works: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        if self._database is None:
            self._database = self._open()
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            results = [work(database) for work in works]
            database.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")
        return results

    def _open(self) -> sqlite3.Connection:
        # Before SQLite makes its other files, which take this one's mode.
        self._path.touch(mode=0o600)
        self._path.chmod(0o600)
        database = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # accepted: ours alone from then on
        database.execute("PRAGMA secure_delete = ON")  # who is forgotten leaves no bytes
        database.executescript(_SCHEMA)
        return database

    def _error(self, error: Exception) -> OutboxError:
        return OutboxError(
            f"{self._path}: messages cannot be kept there: {error}; see to the disk, and that this "
            "user may write the file and its directory"
        )


def _log_failure(forgotten: asyncio.Future[Any]) -> None:
    if not forgotten.cancelled() and (error := forgotten.exception()) is not None:
        logger.error("a message that was sent stays in the outbox: %s", error)


def _first(cursor: sqlite3.Cursor) -> Any:
    row = cursor.fetchone()
    return None if row is None else row[0]
