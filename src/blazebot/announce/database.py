"""The file that announcements are kept in, used in a thread of its own.

Each step of SQLite lets other threads run, and waits for its turn again after it: many short steps
beside a busy loop are slow. So statements take and return many rows as one JSON text.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from blazebot.errors import AnnouncementError

T = TypeVar("T")

FILE_NAME: Final = "announcements.db"
"""The file's name in a bot's data directory."""

_BUSY: Final = 30.0  # seconds to wait for another process that writes
_CACHE: Final = 32 * 1024  # KiB: the part of a large index that is at hand

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS announcements (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    category TEXT NOT NULL,
    content BLOB NOT NULL,
    fingerprint TEXT,  -- of a file, as it was before it was uploaded
    is_template INTEGER NOT NULL,
    encrypt INTEGER NOT NULL,
    due REAL NOT NULL,
    created_at REAL NOT NULL,
    first TEXT,  -- the user who gets it before all others
    places INTEGER NOT NULL DEFAULT 0,  -- given so far; that of who is forgotten stays empty
    tried INTEGER NOT NULL DEFAULT -1,  -- the last place that may have been sent
    total INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    read INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    recalled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS recipients (
    announcement INTEGER NOT NULL,
    place INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    "values" TEXT,
    state INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    source INTEGER NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (announcement, place)
) STRICT, WITHOUT ROWID;
-- An id is derived from announcement and user: it finds duplicates, receipts and people.
CREATE UNIQUE INDEX IF NOT EXISTS recipients_message ON recipients (message_id);
CREATE INDEX IF NOT EXISTS recipients_state ON recipients (announcement, state, place);
CREATE TABLE IF NOT EXISTS sources (
    number INTEGER PRIMARY KEY,
    announcement INTEGER NOT NULL,
    digest TEXT NOT NULL,  -- of where the people come from
    lines INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    bad INTEGER NOT NULL DEFAULT 0,
    known INTEGER NOT NULL DEFAULT 0,  -- from an earlier source
    UNIQUE (announcement, digest)
) STRICT;
CREATE TABLE IF NOT EXISTS bad_lines (
    source INTEGER NOT NULL,
    line INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (source, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
    user_id TEXT PRIMARY KEY,
    since REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stopped (
    key TEXT PRIMARY KEY,  -- a hash of the user's id
    since REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS salt (number INTEGER PRIMARY KEY, salt BLOB NOT NULL) STRICT;
INSERT OR IGNORE INTO salt VALUES (1, randomblob(32));
"""

_MIGRATIONS: Final = {
    "places": """
ALTER TABLE announcements ADD COLUMN places INTEGER NOT NULL DEFAULT 0;
UPDATE announcements SET places = 1 + ifnull(
    (SELECT max(place) FROM recipients WHERE announcement = number), -1
);
""",
    "fingerprint": "ALTER TABLE announcements ADD COLUMN fingerprint TEXT;",
}
"""By the column of announcements that an older file lacks."""


class Database:
    """The file at ``path``. What is committed survives a kill; a loss of power may take the last.

    Nothing is lost by that either: what is sent again has the id that it had.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="blazebot-announcements")
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` as one transaction.

        Raises:
            AnnouncementError: the file cannot be used.
        """
        return await self._run(lambda: _in_transaction(self._open(), work))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work``, which changes nothing; raises as :meth:`write`."""
        return await self._run(lambda: work(self._open()))

    async def close(self) -> None:
        """Finish what is under way, and close the file."""
        if not self._is_closed:
            self._is_closed = True
            await self._run(self._close)
            self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            raise AnnouncementError(
                f"{self._path} cannot be used: {error}; see to the disk, and that this user may "
                "write the file and its directory"
            ) from None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # Before SQLite makes its other files, which take this one's mode.
            self._path.touch(mode=0o600)
            self._path.chmod(0o600)
            connection = sqlite3.connect(
                self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
            connection.execute("PRAGMA secure_delete = ON")  # who is forgotten leaves no bytes
            columns = {row[1] for row in connection.execute("PRAGMA table_info(announcements)")}
            connection.executescript(_SCHEMA)
            for column, script in _MIGRATIONS.items():
                if columns and column not in columns:
                    connection.executescript(script)
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _in_transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    database.execute("BEGIN IMMEDIATE")
    try:
        result = work(database)
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")
    return result


def rows_of(database: sqlite3.Connection, query: str, *parameters: Any) -> str:
    """Return the rows of a query for one JSON text each, as one JSON list."""
    (text,) = database.execute(
        f"SELECT json_group_array(json(row)) FROM ({query})",  # noqa: S608 - our own words
        parameters,
    ).fetchone()
    return str(text)
