"""Who wants no announcements: kept as hashes, which name nobody and so outlive ``forget``."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from blazebot.announce.database import rows_of


def add_stop(database: sqlite3.Connection, user_id: str) -> None:
    """Note that somebody wants none."""
    (key,) = _keys(database, [user_id])
    database.execute("INSERT OR IGNORE INTO stopped VALUES (?, ?)", (key, time.time()))


def remove_stop(database: sqlite3.Connection, user_id: str) -> None:
    """Note that somebody wants them again."""
    database.execute("DELETE FROM stopped WHERE key = ?", tuple(_keys(database, [user_id])))


def stopped_among(database: sqlite3.Connection, user_ids: Iterable[str]) -> set[str]:
    """Return those of these people who want none."""
    if database.execute("SELECT 1 FROM stopped LIMIT 1").fetchone() is None:
        return set()
    keys = _keys(database, user_ids)
    text = rows_of(
        database,
        "SELECT json_quote(stopped.key) AS row FROM json_each(?) AS one CROSS JOIN stopped"
        " ON stopped.key = one.value",
        msgspec.json.encode(list(keys)).decode(),
    )
    return {keys[key] for key in msgspec.json.decode(text, type=list[str])}


def _keys(database: sqlite3.Connection, user_ids: Iterable[str]) -> dict[str, str]:
    """Return people by their hashes, which are of this file alone."""
    (salt,) = database.execute("SELECT salt FROM salt").fetchone()
    return {blake2b(one.encode(), key=salt, digest_size=16).hexdigest(): one for one in user_ids}
