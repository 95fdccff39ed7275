"""What came lately, in SQLite: as it came, so that what is encrypted stays so on disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from blazebot.bot.mailbox.letters import Query
from blazebot.errors import MailboxError
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.messages import MessageView

T = TypeVar("T")

FILE_NAME: Final = "mailbox.db"
"""The file's name in a bot's data directory."""

_BUSY: Final = 5.0  # seconds to wait for another process that writes

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    view TEXT NOT NULL,
    was_read INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_reading ON messages (was_read DESC, number);
"""

# Those that were read make room first.
_MAKE_ROOM: Final = """
DELETE FROM messages WHERE number IN (
    SELECT number FROM messages ORDER BY was_read DESC, number
    LIMIT max(0, (SELECT count(*) FROM messages) - ?))
"""


class Kept(NamedTuple):
    """A message that is kept, and whether it was read."""

    view: MessageView
    was_read: bool


class MailboxStore:
    """Keeps the last ``limit`` messages in the file at ``path``, opened when first needed.

    The disk is waited for in a thread of its own; messages that come meanwhile share the next
    commit. Each method raises MailboxError: the file cannot be used, such as on a full disk.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._thread: ThreadPoolExecutor | None = None
        self._database: sqlite3.Connection | None = None
        self._unwritten: dict[str, MessageView] = {}
        self._turn = asyncio.Lock()

    async def keep(self, view: MessageView) -> None:
        """Keep a message, unless it is there already; it is on disk when this returns."""
        self._unwritten[view.message_id] = view
        try:
            async with self._turn:
                if view.message_id in self._unwritten:
                    batch = list(self._unwritten.values())
                    await self._run(lambda database: self._insert(database, batch))
                    for one in batch:
                        self._unwritten.pop(one.message_id, None)
        finally:  # what could not be kept is not kept later either, by another's commit
            if self._unwritten.get(view.message_id) is view:
                del self._unwritten[view.message_id]

    async def messages(self, query: Query) -> list[Kept]:
        """Return messages, the oldest first."""
        conditions = [] if query.include_read else ["was_read = 0"]
        if query.conversation_id:
            conditions.append("conversation_id = :conversation_id")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = "DESC" if query.include_read else "ASC"
        chosen = f"SELECT * FROM messages {where} ORDER BY number {order} LIMIT :limit"  # noqa: S608 - our own words
        sql = f"SELECT view, was_read FROM ({chosen}) ORDER BY number"  # noqa: S608
        values = {"conversation_id": query.conversation_id.lower(), "limit": query.limit}
        rows = await self._run(lambda database: database.execute(sql, values).fetchall())
        return [_kept(*row) for row in rows]

    async def find(self, message_id: str) -> Kept | None:
        """Return a message by its id, if it is there."""
        sql = "SELECT view, was_read FROM messages WHERE message_id = ?"
        row = await self._run(lambda one: one.execute(sql, (message_id.lower(),)).fetchone())
        return None if row is None else _kept(*row)

    async def mark_read(self, message_ids: Sequence[str]) -> None:
        """Note that messages were read."""
        sql = "UPDATE messages SET was_read = 1 WHERE message_id = ?"
        ids = [(one.lower(),) for one in message_ids]
        await self._run(lambda database: database.executemany(sql, ids))

    async def remove(self, message_id: str) -> None:
        """Keep a message no longer, such as one that was recalled."""
        sql = "DELETE FROM messages WHERE message_id = ?"
        await self._run(lambda database: database.execute(sql, (message_id.lower(),)))

    async def remove_of(self, user_id: str) -> None:
        """Keep nothing that a person wrote."""
        sql = "DELETE FROM messages WHERE user_id = ?"
        await self._run(lambda database: database.execute(sql, (user_id.lower(),)))

    async def close(self) -> None:
        """Close the file; keeping something opens it again."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._shut)
            self._thread.shutdown()
            self._thread = None

    async def _run(self, do: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="blazebot-mailbox")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._transact, do)
        except (sqlite3.Error, OSError) as error:
            raise MailboxError(
                f"{self._path}: messages cannot be kept there: {error}; see to the disk, and that "
                "this user may write the file and its directory"
            ) from None

    def _transact(self, do: Callable[[sqlite3.Connection], T]) -> T:
        if self._database is None:
            self._database = self._open()
        with self._database as database:
            return do(database)

    def _shut(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _insert(self, database: sqlite3.Connection, views: Sequence[MessageView]) -> None:
        database.executemany(
            "INSERT OR IGNORE INTO messages (message_id, conversation_id, user_id, view) "
            "VALUES (?, ?, ?, ?)",
            [
                (
                    one.message_id.lower(),
                    (one.conversation_id or "").lower(),
                    (one.user_id or "").lower(),
                    encode_json(one).decode(),
                )
                for one in views
            ],
        )
        database.execute(_MAKE_ROOM, (self._limit,))

    def _open(self) -> sqlite3.Connection:
        # Before SQLite makes its other files, which take this one's mode.
        self._path.touch(mode=0o600)
        database = sqlite3.connect(self._path, timeout=_BUSY, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # acknowledged: ours alone from then on
        database.execute("PRAGMA secure_delete = ON")  # who is forgotten leaves no bytes
        database.executescript(_SCHEMA)
        return database


async def forget(directory: Path, user_id: str) -> None:
    """Delete all that a person wrote, if a bot's data directory has it; raises MailboxError."""
    path = directory / FILE_NAME
    if path.exists():
        store = MailboxStore(path, 1)
        try:
            await store.remove_of(user_id)
        finally:
            await store.close()


def _kept(view: str, was_read: int) -> Kept:
    return Kept(decode_json(view.encode(), MessageView), bool(was_read))
