"""The SQLite file and its transactions: many writes, one commit, and nothing shown before it.

Everything runs in one event loop on one connection. The first write of a loop turn opens a
transaction, and a commit scheduled for the loop's next turn ends it, so that all writes of a turn
share its cost. What leaves the process because of a write waits for that commit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from blazebot.errors import SandboxError

__all__ = ["Database", "Effect"]

Effect = Callable[[Exception | None], None]
"""What follows a commit: called with None, or with the error that undid the transaction."""

logger = logging.getLogger("blazebot.sandbox")

_APPLICATION_ID: Final = 0x424C5A42
"""Marks the file as ours; what SQLite has ``PRAGMA application_id`` for."""

_LEAST_SQLITE: Final = (3, 37)  # STRICT tables

_CACHE_KIB: Final = 64 * 1024
_CHECKPOINT_PAGES: Final = 16_000
"""Pages of 4 KiB in the write-ahead log before they go into the file, which takes a while."""


class Database:
    """One SQLite database, opened for this process alone.

    ``path`` None is a private temporary database that SQLite deletes by itself. ``migrations`` are
    scripts; the file's ``user_version`` says how many of them it has seen.

    Raises:
        SandboxError: the file cannot be used; the message says why.
    """

    def __init__(self, path: str | None, *, sync: str, migrations: Sequence[str]) -> None:
        self._effects: list[Effect] = []
        self._in_transaction = False
        self._broken: Exception | None = None
        self.on_rollback: list[Callable[[], None]] = []
        """Called after a transaction was undone: to forget what was remembered of it."""
        if sqlite3.sqlite_version_info < _LEAST_SQLITE:
            least = ".".join(map(str, _LEAST_SQLITE))
            raise SandboxError(f"SQLite {sqlite3.sqlite_version} is too old: {least} is needed")
        if path is not None:
            _create_private(path)
        try:
            self._connection = _connect(path or "", sync)
        except sqlite3.Error as error:
            raise SandboxError(f"{path}: {_words(error)}") from None
        try:
            _migrate(self._connection, path, migrations)
        except sqlite3.Error as error:
            self._connection.close()
            raise SandboxError(f"{path}: {_words(error)}") from None
        except SandboxError:
            self._connection.close()
            raise
        # One for all writes: to make another takes a third as long as a short statement.
        self._writing = self._connection.cursor()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Return the rows of a query. They may be of the open transaction: see `committed`."""
        return self._connection.execute(sql, parameters)

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute one statement in this turn's transaction and return how many rows it changed.

        Whatever an operation must check it checks before its first write: the writes of a turn
        are committed together, or, if one of them fails, undone together.

        Raises:
            sqlite3.Error: it failed; this turn's transaction will be undone.
        """
        self._begin()
        try:
            return self._writing.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            self._broken = error
            raise

    def write_all(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement for each of ``rows``; as :meth:`write`."""
        self._begin()
        try:
            self._writing.executemany(sql, rows)
        except sqlite3.Error as error:
            self._broken = error
            raise

    def after_commit(self, effect: Effect) -> None:
        """Call ``effect`` once all that was written so far is committed or undone."""
        if self._in_transaction:
            self._effects.append(effect)
        else:
            effect(None)

    async def committed(self) -> None:
        """Wait until all that was written so far, and so all that was read, is committed.

        Raises:
            sqlite3.Error: it was undone.
        """
        if self._in_transaction:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._effects.append(partial(_settle, done))
            await done

    def close(self) -> None:
        """Commit what is open and close the file; its write-ahead log goes into it."""
        if self._in_transaction:
            self._commit()
        self._writing.close()  # or its last statement would keep the file open
        self._connection.close()

    def _begin(self) -> None:
        if self._broken is not None:
            # SQLite may have ended the transaction: a write now would be committed on its own.
            raise sqlite3.OperationalError(f"undone because of an earlier error: {self._broken}")
        if self._in_transaction:
            return
        # First the loop, so that without one nothing stays open.
        asyncio.get_running_loop().call_soon(self._commit)
        self._connection.execute("BEGIN IMMEDIATE")
        self._in_transaction = True

    def _commit(self) -> None:
        if not self._in_transaction:  # close() was quicker
            return
        error = self._broken
        if error is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                error = failure
        if error is not None:
            logger.error("a transaction was undone: %s", error)
            if self._connection.in_transaction:  # SQLite ends some failed ones by itself
                self._connection.execute("ROLLBACK")
        self._in_transaction, self._broken = False, None
        effects, self._effects = self._effects, []
        if error is not None:
            for forget in self.on_rollback:
                forget()
        for effect in effects:
            try:
                effect(error)
            except Exception:
                logger.exception("what follows a commit failed")


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _create_private(path: str) -> None:
    """Create the file, if it is not there, for its owner only; SQLite copies that for the log."""
    if Path(path).is_dir():
        raise SandboxError(f"{path}: is a directory; pass the path of a file with --db")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise SandboxError(f"{path}: cannot be opened for writing: {error.strerror}") from None


def _connect(path: str, sync: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=1.0, cached_statements=256)
    try:
        # Alone on the file: a second sandbox would push and acknowledge behind this one's back.
        # It also spares the lock calls around each statement.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # A temporary database knows no WAL; it need survive nothing.
        connection.execute(f"PRAGMA journal_mode = {'WAL' if path else 'MEMORY'}")
        connection.execute(f"PRAGMA synchronous = {sync}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: str | None, migrations: Sequence[str]) -> None:
    version = _pragma(connection, "user_version")
    empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    if not empty and _pragma(connection, "application_id") != _APPLICATION_ID:
        raise SandboxError(f"{path}: is a database of another program; pass another file with --db")
    if version > len(migrations):
        raise SandboxError(
            f"{path}: was written by a newer version of blazebot (format {version}, this one knows "
            f"{len(migrations)}): upgrade blazebot, or pass another file with --db"
        )
    for number, script in enumerate(migrations[version:], version + 1):
        connection.executescript(
            f"BEGIN; {script}; PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _words(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_BUSY:
        return "another sandbox is using this database; stop it, or pass another file with --db"
    if code == sqlite3.SQLITE_NOTADB:
        return "is not a database; pass another file with --db"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"cannot be written: {error}; check the permissions of the file and its folder"
    return f"cannot be used: {error}"
