"""Messages that no handler could take, kept in SQLite until somebody looks at them."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.messages import MessageView

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS dead_letters (
    message_id TEXT PRIMARY KEY,
    view TEXT NOT NULL,
    error TEXT NOT NULL,
    tries INTEGER NOT NULL,
    buried_at REAL NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message, the last error of its handler, how often it was tried, and when that ended.

    ``buried_at`` is in unix seconds.
    """

    view: MessageView
    error: str
    tries: int
    buried_at: float


class DeadLetters:
    """The dead letters of one bot, in the file at ``path``; opened when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def add(self, view: MessageView, error: BaseException, tries: int) -> None:
        """Keep a message; it is on disk when this returns.

        Raises:
            sqlite3.Error: it could not be written, such as on a full disk.
        """
        database = self._open()
        with database:
            database.execute(
                "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)",
                (
                    view.message_id,
                    encode_json(view).decode(),
                    _words(error),
                    tries,
                    time.time(),
                ),
            )

    def all(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        rows = self._open().execute(
            "SELECT view, error, tries, buried_at FROM dead_letters ORDER BY buried_at, rowid"
        )
        return [
            DeadLetter(decode_json(view.encode(), MessageView), error, tries, buried_at)
            for view, error, tries, buried_at in rows
        ]

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            # Before SQLite makes its other files, which take this one's mode.
            self._path.touch(mode=0o600)
            self._path.chmod(0o600)
            database = sqlite3.connect(self._path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")  # acknowledged: ours alone from then on
            database.execute(_SCHEMA)
            self._database = database
        return self._database


def _words(error: BaseException) -> str:
    # An error may quote what is no valid Unicode, which SQLite refuses.
    words = f"{type(error).__name__}: {error}"
    return words.encode("utf-8", "backslashreplace").decode()
