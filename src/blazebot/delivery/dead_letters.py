"""Messages that no handler could take, kept in SQLite until somebody looks at them.

The bot and the command ``blazebot dead-letters`` may have the file open at once: SQLite's locks
keep their changes apart, and what one does is seen by the other at its next look.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.limits import MIB
from blazebot.wire.messages import MessageView

logger = logging.getLogger("blazebot.delivery")

FILE_NAME: Final = "dead-letters.db"
"""The file's name in a bot's data directory."""

REPLAYS_AT_ONCE: Final = 1000
"""Dead letters that are taken up for a replay at one look."""

_SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS dead_letters (
    message_id TEXT PRIMARY KEY,
    view TEXT NOT NULL,
    error TEXT NOT NULL,
    tries INTEGER NOT NULL,
    buried_at REAL NOT NULL,
    size INTEGER NOT NULL,
    replay_asked_at REAL
) STRICT
""",
    "CREATE INDEX IF NOT EXISTS by_age ON dead_letters (buried_at, size)",
    "CREATE INDEX IF NOT EXISTS asked ON dead_letters (buried_at) "
    "WHERE replay_asked_at IS NOT NULL",
)

# What makes a table of the first version, which had fewer columns, one of today.
_MIGRATION: Final = (
    "ALTER TABLE dead_letters ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dead_letters ADD COLUMN replay_asked_at REAL",
    "UPDATE dead_letters SET size = length(view)",
)

_COLUMNS: Final = "view, error, tries, buried_at, replay_asked_at"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message, the last error of its handler, how often it was tried, and when that ended.

    ``buried_at`` and ``replay_asked_at`` are in unix seconds; the latter is None where nobody has
    asked for it to be handled again.
    """

    view: MessageView
    error: str
    tries: int
    buried_at: float
    replay_asked_at: float | None = None


class DeadLetters:
    """The dead letters of one bot, in the file at ``path``; opened when first needed.

    At most ``limit`` are kept, with ``bytes_limit`` bytes in all, each for ``keep`` seconds: older
    ones make room. ``clock`` returns unix seconds. Each method may raise sqlite3.Error: the file
    cannot be read or written, such as on a full disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit: int = 10_000,
        bytes_limit: int = 256 * MIB,
        keep: float = 30 * 24 * 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._keep = keep
        self._clock = clock
        self._database: sqlite3.Connection | None = None
        self._seen_version = 0
        self._ids: set[str] = set()

    def __len__(self) -> int:
        """How many there are, as far as is known without a look at the file."""
        return len(self._ids)

    @property
    def exists(self) -> bool:
        """Whether there is a file: there is none before the first dead letter."""
        return self._database is not None or self._path.exists()

    # The bot's part

    def add(self, view: MessageView, error: BaseException, tries: int) -> None:
        """Keep a message, in place of what was kept of it; it is on disk when this returns."""
        database = self._open()
        text = encode_json(view).decode()
        row = (view.message_id, text, _words(error), tries, self._clock(), len(text))
        with database:
            database.execute(
                "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, NULL)", row
            )
            self._ids.add(view.message_id)
            self._make_room(database)

    def handled(self, message_id: str) -> None:
        """Forget a message, should it be kept here: its handler has succeeded after all."""
        if message_id in self._ids:
            self.drop([message_id])

    def to_replay(self) -> list[MessageView]:
        """Return messages to be handled again, oldest first, until they are handled or added."""
        database = self._open()
        self._note_changes(database)
        rows = database.execute(
            "SELECT view FROM dead_letters WHERE replay_asked_at IS NOT NULL "
            "ORDER BY buried_at LIMIT ?",
            (REPLAYS_AT_ONCE,),
        )
        views = [decode_json(view.encode(), MessageView) for (view,) in rows]
        return sorted(views, key=lambda view: view.created)

    def expire(self) -> None:
        """Drop what has been kept for long enough."""
        with self._open() as database:
            self._make_room(database)

    # What a person does

    def all(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        rows = self._open().execute(
            f"SELECT {_COLUMNS} FROM dead_letters ORDER BY buried_at, rowid"  # noqa: S608
        )
        return [_letter(*row) for row in rows]

    def get(self, message_id: str) -> DeadLetter | None:
        """Return the dead letter that is this message; None if there is none."""
        row = (
            self._open()
            .execute(
                f"SELECT {_COLUMNS} FROM dead_letters WHERE message_id = ?",  # noqa: S608
                (message_id,),
            )
            .fetchone()
        )
        return None if row is None else _letter(*row)

    def ask_replay(self, message_ids: Sequence[str]) -> None:
        """Have messages handled again: by the bot that runs, or when it runs next."""
        now = self._clock()
        with self._open() as database:
            database.executemany(
                "UPDATE dead_letters SET replay_asked_at = ? WHERE message_id = ?",
                [(now, message_id) for message_id in message_ids],
            )

    def drop(self, message_ids: Sequence[str]) -> None:
        """Forget messages for good."""
        with self._open() as database:
            database.executemany(
                "DELETE FROM dead_letters WHERE message_id = ?", [(one,) for one in message_ids]
            )
        self._ids.difference_update(message_ids)

    def forget(self, user_id: str) -> None:
        """Forget all messages of a person for good."""
        if self.exists:
            self.drop([one.view.message_id for one in self.all() if one.view.user_id == user_id])

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
            self._seen_version = 0

    # The file

    def _make_room(self, database: sqlite3.Connection) -> None:
        count, size = database.execute("SELECT COUNT(*), TOTAL(size) FROM dead_letters").fetchone()
        oldest = self._clock() - self._keep
        too_many: list[str] = []
        rows = database.execute(
            "SELECT message_id, buried_at, size FROM dead_letters ORDER BY buried_at, rowid"
        )
        for message_id, buried_at, its_size in rows:
            has_room = count <= self._limit and (size <= self._bytes_limit or count == 1)
            if has_room and buried_at >= oldest:
                break
            too_many.append(message_id)
            count, size = count - 1, size - its_size
        rows.close()
        if too_many:
            database.executemany(
                "DELETE FROM dead_letters WHERE message_id = ?", [(one,) for one in too_many]
            )
            self._ids.difference_update(too_many)
            logger.warning(
                "%d dead letters dropped, as the settings dead_letters_* say; the first is %s",
                len(too_many),
                too_many[0],
            )

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            # Before SQLite makes its other files, which take this one's mode.
            self._path.touch(mode=0o600)
            self._path.chmod(0o600)
            database = sqlite3.connect(self._path)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")  # acknowledged: ours alone from then on
            _prepare(database)
            self._note_changes(database)
            self._database = database
        return self._database

    def _note_changes(self, database: sqlite3.Connection) -> None:
        # The version changes when another process has changed the file.
        version = database.execute("PRAGMA data_version").fetchone()[0]
        if version != self._seen_version:
            self._seen_version = version
            self._ids = {one for (one,) in database.execute("SELECT message_id FROM dead_letters")}


def _prepare(database: sqlite3.Connection) -> None:
    with database:
        database.execute("BEGIN IMMEDIATE")
        columns = {row[1] for row in database.execute("PRAGMA table_info(dead_letters)")}
        for statement in _MIGRATION if columns and "size" not in columns else ():
            database.execute(statement)
        for statement in _SCHEMA:
            database.execute(statement)


def _letter(
    view: str, error: str, tries: int, buried_at: float, replay_asked_at: float | None
) -> DeadLetter:
    message = decode_json(view.encode(), MessageView)
    return DeadLetter(message, error, tries, buried_at, replay_asked_at)


def _words(error: BaseException) -> str:
    # An error may quote what is no valid Unicode, which SQLite refuses.
    words = f"{type(error).__name__}: {error}"
    return words.encode("utf-8", "backslashreplace").decode()
