"""Messages and their deliveries as they are stored, and the queries on them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, starmap
from typing import Final

from msgspec.structs import astuple

from blazebot.sandbox.storage.database import Database
from blazebot.sandbox.storage.recent_messages import RecentMessages
from blazebot.sandbox.storage.rows import StoredMessage

__all__ = ["MessageStore"]

_PAGE_BYTES: Final = 1024 * 1024
"""Content in one page of messages, beyond which it ends early: memory stays bounded."""

_COLUMNS: Final = StoredMessage.__struct_fields__
_MESSAGE: Final = ", ".join(f"messages.{name}" for name in _COLUMNS)
_INSERT: Final = (
    f"INSERT INTO messages ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (message_id) DO NOTHING"
)


class MessageStore:
    """Messages, and how far each came with each of its recipients.

    What it writes is committed with the loop turn: see ``database``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent = RecentMessages(self._last_stored_change())
        database.on_rollback.append(self._recent.clear)

    def add(self, message: StoredMessage, deliveries: Iterable[tuple[str, int | None]]) -> bool:
        """Add a message and its deliveries; return whether its ``message_id`` was free.

        A delivery is a recipient's id and when it is dropped if it still waits then, None for
        never.
        """
        if not self._database.write(_INSERT, astuple(message)):
            return False
        self._recent.put(message)
        for user_id, expires_at in deliveries:
            self._database.write(
                "INSERT INTO deliveries (user_id, status, seq, expires_at) VALUES (?, 0, ?, ?)",
                (user_id, message.seq, expires_at),
            )
        return True

    def find(self, message_id: str) -> StoredMessage | None:
        """Return a message."""
        message = self._recent.find(message_id)
        if message is None:
            row = self._database.read(
                f"SELECT {_MESSAGE} FROM messages WHERE message_id = ?",  # noqa: S608
                (message_id,),
            ).fetchone()
            message = row and StoredMessage(*row)
        return message

    def history(self, conversation_id: str, *, before: int, limit: int) -> list[StoredMessage]:
        """Return the newest messages of a conversation with a lesser seq, the oldest first.

        What has disappeared is left out.
        """
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE conversation_id = ? AND disappeared = 0 AND seq < ? ORDER BY seq DESC LIMIT ?",
            (conversation_id, before, limit),
        )
        return _page(starmap(StoredMessage, rows))[::-1]

    def newest(self, conversation_id: str) -> StoredMessage | None:
        """Return the newest message of a conversation; no recall, and none that has disappeared."""
        row = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE conversation_id = ? AND disappeared = 0 AND category <> 'MESSAGE_RECALL'"
            " ORDER BY seq DESC LIMIT 1",
            (conversation_id,),
        ).fetchone()
        return StoredMessage(*row) if row else None

    def pinned(self, conversation_id: str, *, limit: int) -> list[StoredMessage]:
        """Return the newest messages of a conversation that are pinned, the oldest first."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE conversation_id = ? AND pinned = 1 ORDER BY seq DESC LIMIT ?",
            (conversation_id, limit),
        )
        return _page(starmap(StoredMessage, rows))[::-1]

    def changes(self, after: int, limit: int) -> list[StoredMessage]:
        """Return the messages that changed after a position, in the order of their changes."""
        if after >= self._recent.since:
            return _page(islice(self._recent.after(after), limit))
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages WHERE changed > ? ORDER BY changed LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return _page(starmap(StoredMessage, rows))

    def last_change(self) -> int:
        """Return the position of the newest change of a message, 0 if there is none."""
        return self._last_stored_change()

    def _last_stored_change(self) -> int:
        rows = self._database.read("SELECT coalesce(max(changed), 0) FROM messages")
        change: int = rows.fetchone()[0]
        return change

    def move(self, message: StoredMessage) -> None:
        """Write a message's new status, with its times and position."""
        self._recent.put(message)
        self._database.write(
            "UPDATE messages SET status = ?, updated_at = ?, changed = ?, disappears_at = ?"
            " WHERE seq = ?",
            (
                message.status,
                message.updated_at,
                message.changed,
                message.disappears_at,
                message.seq,
            ),
        )

    def edit(self, message: StoredMessage) -> None:
        """Write a message whose content or pin changed, with its time and position."""
        self._recent.put(message)
        self._database.write(
            "UPDATE messages SET data = ?, mentions = ?, recalled = ?, pinned = ?,"
            " disappears_at = ?, disappeared = ?, updated_at = ?, changed = ? WHERE seq = ?",
            (
                message.data,
                message.mentions,
                message.recalled,
                message.pinned,
                message.disappears_at,
                message.disappeared,
                message.updated_at,
                message.changed,
                message.seq,
            ),
        )

    def moved(self, bot_id: str, *, since: int, limit: int) -> list[StoredMessage]:
        """Return a bot's messages that others received or read, in the order of these receipts.

        ``since`` is in nanoseconds since the epoch: those that came later.
        """
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE user_id = ? AND from_bot = 1 AND status > 0 AND updated_at > ?"
            " ORDER BY updated_at LIMIT ?",
            (bot_id, since, limit),
        )
        return _page(starmap(StoredMessage, rows))

    # What ends by itself. Times are nanoseconds since the epoch.

    def disappearing(self, now: int, limit: int) -> list[StoredMessage]:
        """Return a page of the messages that should have disappeared by now."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE disappears_at > 0 AND disappears_at <= ? ORDER BY disappears_at LIMIT ?",
            (now, limit),
        )
        return _page(starmap(StoredMessage, rows))

    def drop_expired(self, now: int, limit: int) -> bool:
        """Drop deliveries that have waited too long; return whether there were any."""
        rows = self._database.read(
            "SELECT user_id, seq FROM deliveries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
            (now, limit),
        ).fetchall()
        if rows:
            self._database.write_all(
                "DELETE FROM deliveries WHERE user_id = ? AND status = 0 AND seq = ?", rows
            )
        return bool(rows)

    # Deliveries

    def pending(self, user_id: str, *, after: int, limit: int) -> list[StoredMessage]:
        """Return a page of what the user has not acknowledged, in order of seq."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM deliveries JOIN messages USING (seq)"  # noqa: S608
            " WHERE deliveries.user_id = ? AND deliveries.status = 0 AND deliveries.seq > ?"
            " ORDER BY deliveries.seq LIMIT ?",
            (user_id, after, limit),
        )
        return _page(starmap(StoredMessage, rows))

    def count_pending(self, user_id: str, *, up_to: int) -> int:
        """Return how many messages up to seq ``up_to`` the user has not acknowledged."""
        count: int = self._database.read(
            "SELECT count(*) FROM deliveries WHERE user_id = ? AND status = 0 AND seq <= ?",
            (user_id, up_to),
        ).fetchone()[0]
        return count

    def has_pending(self, user_id: str, *, up_to: int) -> bool:
        """Tell whether there is such a message."""
        row = self._database.read(
            "SELECT 1 FROM deliveries WHERE user_id = ? AND status = 0 AND seq <= ? LIMIT 1",
            (user_id, up_to),
        ).fetchone()
        return row is not None

    def count_unread(self, user_id: str) -> dict[str, int]:
        """Return how many messages of each conversation the user has not read, where there are.

        A recall is not read: what it took back says that it is gone.
        """
        rows = self._database.read(
            "SELECT conversation_id, count(*) FROM deliveries JOIN messages USING (seq)"
            " WHERE deliveries.user_id = ? AND category <> 'MESSAGE_RECALL'"
            " GROUP BY conversation_id",
            (user_id,),
        )
        return dict(rows.fetchall())

    def delivery_status(self, user_id: str, seq: int) -> int:
        """Return how far a message came with one of its recipients, as a rank."""
        row = self._database.read(
            "SELECT status FROM deliveries WHERE user_id = ? AND status IN (0, 1) AND seq = ?",
            (user_id, seq),
        ).fetchone()
        return 2 if row is None else row[0]

    def mark_delivered(self, user_id: str, seq: int) -> bool:
        """Move a delivery from SENT to DELIVERED; return whether it was SENT."""
        moved = self._database.write(
            "UPDATE deliveries SET status = 1, expires_at = NULL"
            " WHERE user_id = ? AND status = 0 AND seq = ?",
            (user_id, seq),
        )
        return moved > 0

    def mark_read(self, user_id: str, seq: int) -> bool:
        """Move a delivery to READ; return whether it was not."""
        return any(  # one statement for both statuses would take longer than two
            self._database.write(
                "DELETE FROM deliveries WHERE user_id = ? AND status = ? AND seq = ?",
                (user_id, status, seq),
            )
            for status in (0, 1)
        )


def _page(messages: Iterable[StoredMessage]) -> list[StoredMessage]:
    """Return the messages, ending early when they hold much content."""
    page: list[StoredMessage] = []
    size = 0
    for message in messages:
        page.append(message)
        size += len(message.data)
        if size > _PAGE_BYTES:
            break
    return page
