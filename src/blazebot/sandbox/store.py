"""What the sandbox keeps, as rows, and the queries on it. The rules stand in ``service.py``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from blazebot.sandbox.database import Database
from blazebot.sandbox.tables import ACCOUNTS, ENCRYPTION_AND_EDITING

__all__ = [
    "BLOCKING",
    "BOT",
    "CONTACT",
    "FRIEND",
    "GROUP",
    "PERSON",
    "Conversation",
    "Participant",
    "Session",
    "Store",
    "StoredMessage",
    "User",
]

PERSON: Final = "person"
BOT: Final = "bot"
CONTACT: Final = "CONTACT"
GROUP: Final = "GROUP"
FRIEND: Final = "FRIEND"
BLOCKING: Final = "BLOCKING"

_PAGE_BYTES: Final = 1024 * 1024
"""Content in one page of messages, beyond which it ends early: memory stays bounded."""

_CACHED: Final = 16_384

# Times are nanoseconds since the epoch. `seq` of a message and `changed` come from one counter, the
# position: a message takes one when it is created and `changed` another at each move of its status.
_SCHEMA: Final = """
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'bot')),
    full_name TEXT NOT NULL,
    identity_number TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    public_key BLOB, -- DER; a person's session has none
    curve_public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX live_sessions ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE friends (
    person_id TEXT NOT NULL REFERENCES users (user_id),
    bot_id TEXT NOT NULL REFERENCES users (user_id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, bot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    category TEXT NOT NULL CHECK (category IN ('CONTACT', 'GROUP')),
    creator_id TEXT NOT NULL REFERENCES users (user_id),
    name TEXT NOT NULL,
    announcement TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participants (
    conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    role TEXT NOT NULL,
    joined INTEGER NOT NULL, -- position: what has a greater seq is theirs to see
    created_at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships ON participants (user_id);

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    category TEXT NOT NULL,
    data BLOB NOT NULL, -- decoded from base64
    quote_message_id TEXT NOT NULL,
    representative_id TEXT NOT NULL,
    silent INTEGER NOT NULL,
    expire_in INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    status INTEGER NOT NULL, -- 0 SENT, 1 DELIVERED, 2 READ
    changed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes ON messages (changed);
CREATE INDEX histories ON messages (conversation_id); -- in order of seq

-- What each recipient has not read yet. A bot's rows of status 0 are its pending messages.
CREATE TABLE deliveries (
    user_id TEXT NOT NULL,
    status INTEGER NOT NULL, -- 0 SENT, 1 DELIVERED; READ is no row
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, status, seq)
) STRICT, WITHOUT ROWID;
"""

_MIGRATIONS: Final = (_SCHEMA, ACCOUNTS, ENCRYPTION_AND_EDITING)
"""How a file comes from each format to the next; only ever appended to."""


class User(NamedTuple):
    """Somebody: a person or a bot. ``session_id`` is of the newest live session, empty if none."""

    user_id: str
    kind: str
    full_name: str
    identity_number: str
    created_at: int
    session_id: str
    biography: str = ""
    code_id: str = ""

    @property
    def is_bot(self) -> bool:
        """Whether this is a bot."""
        return self.kind == BOT


class Session(NamedTuple):
    """A session; ``public_key`` is DER, None for a person's, ``ended_at`` None while it lives.

    ``curve_public_key`` is unpadded base64url, empty for a session that reads nothing encrypted.
    """

    session_id: str
    user_id: str
    public_key: bytes | None
    curve_public_key: str
    created_at: int
    ended_at: int | None


class Participant(NamedTuple):
    """Somebody in a conversation, since position ``joined``.

    ``role`` is ``OWNER``, ``ADMIN`` or empty; ``mute_until`` is 0 where it is not muted.
    """

    user_id: str
    kind: str
    role: str
    joined: int
    created_at: int
    mute_until: int = 0

    @property
    def is_bot(self) -> bool:
        """Whether this is a bot."""
        return self.kind == BOT


class Conversation(NamedTuple):
    """A conversation of two (``CONTACT``) or a ``GROUP``; participants by user id.

    By ``code_id`` others join a group. ``expire_in`` is in seconds, 0 where messages stay.
    """

    conversation_id: str
    category: str
    creator_id: str
    name: str
    announcement: str
    created_at: int
    participants: dict[str, Participant]
    code_id: str = ""
    expire_in: int = 0


class StoredMessage(NamedTuple):
    """A message. ``data`` is decoded, ``status`` a rank, absent ids are empty; see the schema.

    ``mentions`` are user ids with a space between; a ``recalled`` message has no data any more.
    """

    seq: int
    message_id: str
    conversation_id: str
    user_id: str
    session_id: str
    category: str
    data: bytes
    quote_message_id: str
    representative_id: str
    silent: int
    expire_in: int
    created_at: int
    updated_at: int
    status: int
    changed: int
    mentions: str = ""
    recalled: int = 0
    pinned: int = 0


_MESSAGE: Final = ", ".join(f"messages.{name}" for name in StoredMessage._fields)
_INSERT_MESSAGE: Final = (
    f"INSERT INTO messages ({', '.join(StoredMessage._fields)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * len(StoredMessage._fields))}) ON CONFLICT (message_id) DO NOTHING"
)
_USER: Final = (
    "SELECT users.user_id, kind, full_name, identity_number, users.created_at,"
    " coalesce((SELECT session_id FROM sessions"
    "  WHERE sessions.user_id = users.user_id AND ended_at IS NULL"
    "  ORDER BY sessions.created_at DESC LIMIT 1), ''), biography, users.code_id FROM users"
)
_SESSION: Final = ", ".join(f"sessions.{name}" for name in Session._fields)

K = TypeVar("K")
V = TypeVar("V")


class _Cache(dict[K, V], Generic[K, V]):
    """A dict that forgets its oldest entry when it is full."""

    def keep(self, key: K, value: V) -> V:
        if len(self) >= _CACHED:
            del self[next(iter(self))]
        self[key] = value
        return value


class Store:
    """The sandbox's rows. What it writes is committed with the loop turn: see ``database``.

    ``path`` None is a private temporary database.

    Raises:
        SandboxError: the file cannot be used; the message says why.
    """

    def __init__(self, path: str | None, *, sync: str = "normal") -> None:
        self._database = Database(path, sync=sync, migrations=_MIGRATIONS)
        self.after_commit = self._database.after_commit
        self.committed = self._database.committed
        self.close = self._database.close
        self._users: _Cache[str, User] = _Cache()
        self._conversations: _Cache[str, Conversation] = _Cache()
        self._relationships: _Cache[tuple[str, str], str] = _Cache()
        caches = (self._users, self._conversations, self._relationships)
        self._database.on_rollback += [cache.clear for cache in caches]
        rows = self._database.read(
            "SELECT max(coalesce((SELECT max(changed) FROM messages), 0),"
            " coalesce((SELECT max(joined) FROM participants), 0))"
        )
        self.position: int = rows.fetchone()[0]
        """The last position taken: everything that changes from now on has a greater one."""

    @property
    def database(self) -> Database:
        """The database, for what keeps rows of its own."""
        return self._database

    def next_position(self) -> int:
        """Take the next position."""
        self.position += 1
        return self.position

    # Users and sessions

    def user(self, user_id: str) -> User | None:
        """Return a user."""
        user = self._users.get(user_id)
        if user is None:
            row = self._database.read(f"{_USER} WHERE users.user_id = ?", (user_id,)).fetchone()
            if row is None:
                return None
            user = self._users.keep(user_id, User._make(row))
        return user

    def users(self, kind: str) -> list[User]:
        """Return all users of a kind, the oldest first."""
        rows = self._database.read(f"{_USER} WHERE kind = ? ORDER BY number", (kind,))
        return [User._make(row) for row in rows]

    def last_user_number(self) -> int:
        """Return the number of the newest user, 0 if there is none; they count from 1."""
        number: int = self._database.read("SELECT coalesce(max(number), 0) FROM users").fetchone()[
            0
        ]
        return number

    def add_user(self, user: User) -> None:
        """Add a user; their session is added apart."""
        self._database.write(
            "INSERT INTO users (user_id, kind, full_name, identity_number, created_at, code_id)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*user[:5], user.code_id),
        )

    def user_by_number(self, identity_number: str) -> User | None:
        """Return the user with this identity number."""
        return self._user_where("identity_number", identity_number)

    def user_by_code(self, code_id: str) -> User | None:
        """Return the user whose code this is."""
        return self._user_where("users.code_id", code_id)

    def _user_where(self, column: str, value: str) -> User | None:
        row = self._database.read(f"{_USER} WHERE {column} = ?", (value,)).fetchone()
        return row and User._make(row)

    def update_user(self, user: User) -> None:
        """Write a user's name and biography."""
        self._database.write(
            "UPDATE users SET full_name = ?, biography = ? WHERE user_id = ?",
            (user.full_name, user.biography, user.user_id),
        )
        self._users.pop(user.user_id, None)

    def session(self, session_id: str) -> Session | None:
        """Return a session, live or ended."""
        row = self._database.read(
            f"SELECT {_SESSION} FROM sessions WHERE session_id = ?",  # noqa: S608
            (session_id,),
        ).fetchone()
        return row and Session._make(row)

    def live_sessions(self, user_id: str) -> list[Session]:
        """Return a user's live sessions, the oldest first."""
        rows = self._database.read(
            f"SELECT {_SESSION} FROM sessions WHERE user_id = ? AND ended_at IS NULL"  # noqa: S608
            " ORDER BY created_at",
            (user_id,),
        )
        return [Session._make(row) for row in rows]

    def add_session(self, session: Session) -> None:
        """Add a session beside the user's live ones."""
        self._database.write("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", session)
        self._users.pop(session.user_id, None)

    def end_sessions(self, user_id: str, ended_at: int) -> None:
        """End a user's live sessions."""
        self._database.write(
            "UPDATE sessions SET ended_at = ? WHERE user_id = ? AND ended_at IS NULL",
            (ended_at, user_id),
        )
        self._users.pop(user_id, None)

    def add_session_key(self, session_id: str, private_key: bytes) -> None:
        """Keep the private key of a person's session: the seed of an Ed25519 key."""
        self._database.write("INSERT INTO session_keys VALUES (?, ?)", (session_id, private_key))

    def session_key(self, session_id: str) -> bytes | None:
        """Return the private key of a person's session, None if there is none."""
        row = self._database.read(
            "SELECT private_key FROM session_keys WHERE session_id = ?", (session_id,)
        ).fetchone()
        return row[0] if row else None

    def keyed_sessions(self, user_id: str) -> list[Session]:
        """Return a person's sessions that have private keys, live or ended, the newest first."""
        rows = self._database.read(
            f"SELECT {_SESSION} FROM sessions JOIN session_keys USING (session_id)"  # noqa: S608
            " WHERE user_id = ? ORDER BY created_at DESC",
            (user_id,),
        )
        return [Session._make(row) for row in rows]

    # Friends and conversations

    def add_friend(self, person_id: str, bot_id: str, created_at: int) -> bool:
        """Add a bot to a person's friends; return whether it was not among them."""
        added = self._database.write(
            "INSERT INTO relationships VALUES (?1, ?2, 'FRIEND', ?3) ON CONFLICT DO UPDATE"
            " SET kind = 'FRIEND', created_at = ?3 WHERE kind != 'FRIEND'",
            (person_id, bot_id, created_at),
        )
        self._relationships.pop((person_id, bot_id), None)
        return added > 0

    def relationship(self, user_id: str, other_id: str) -> str:
        """Return what a user has made of another: ``FRIEND``, ``BLOCKING`` or nothing."""
        kind = self._relationships.get((user_id, other_id))
        if kind is None:
            row = self._database.read(
                "SELECT kind FROM relationships WHERE user_id = ? AND other_id = ?",
                (user_id, other_id),
            ).fetchone()
            kind = self._relationships.keep((user_id, other_id), row[0] if row else "")
        return kind

    def relate(self, user_id: str, other_id: str, kind: str, created_at: int) -> None:
        """Make another user ``FRIEND`` or ``BLOCKING``, or with an empty kind a stranger."""
        self._relationships.pop((user_id, other_id), None)
        if kind:
            self._database.write(
                "INSERT OR REPLACE INTO relationships VALUES (?, ?, ?, ?)",
                (user_id, other_id, kind, created_at),
            )
        else:
            self._database.write(
                "DELETE FROM relationships WHERE user_id = ? AND other_id = ?", (user_id, other_id)
            )

    def related(self, user_id: str, kind: str) -> list[str]:
        """Return the ids of those whom a user has made this, the first made first."""
        rows = self._database.read(
            "SELECT other_id FROM relationships WHERE user_id = ? AND kind = ? ORDER BY created_at",
            (user_id, kind),
        )
        return [other_id for (other_id,) in rows]

    def conversation(self, conversation_id: str) -> Conversation | None:
        """Return a conversation with its participants."""
        conversation = self._conversations.get(conversation_id)
        if conversation is not None:
            return conversation
        row = self._database.read(
            "SELECT conversation_id, category, creator_id, name, announcement, created_at,"
            " code_id, expire_in FROM conversations WHERE conversation_id = ?",
            (conversation_id,),
        ).fetchone()
        if row is None:
            return None
        rows = self._database.read(
            "SELECT user_id, kind, role, joined, participants.created_at, mute_until"
            " FROM participants JOIN users USING (user_id) WHERE conversation_id = ?",
            (conversation_id,),
        )
        participants = {user_id: Participant(user_id, *rest) for user_id, *rest in rows}
        conversation = Conversation._make((*row[:6], participants, *row[6:]))
        return self._conversations.keep(conversation_id, conversation)

    def add_conversation(self, conversation: Conversation) -> None:
        """Add a conversation with its participants."""
        self._database.write(
            "INSERT INTO conversations (conversation_id, category, creator_id, name, announcement,"
            " created_at, code_id, expire_in) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*conversation[:6], conversation.code_id, conversation.expire_in),
        )
        self._add_participants(conversation.conversation_id, conversation.participants.values())
        self._conversations.keep(conversation.conversation_id, conversation)

    def _add_participants(self, conversation_id: str, participants: Iterable[Participant]) -> None:
        self._database.write_all(
            "INSERT INTO participants (conversation_id, user_id, role, joined, created_at,"
            " mute_until) VALUES (?, ?, ?, ?, ?, ?)",
            (
                (conversation_id, one.user_id, one.role, one.joined, one.created_at, one.mute_until)
                for one in participants
            ),
        )

    def update_conversation(self, changed: Conversation) -> None:
        """Write what changed of a conversation: name, announcement, code, expiry, participants."""
        conversation_id = changed.conversation_id
        self._database.write(
            "UPDATE conversations SET name = ?, announcement = ?, code_id = ?, expire_in = ?"
            " WHERE conversation_id = ?",
            (
                changed.name,
                changed.announcement,
                changed.code_id,
                changed.expire_in,
                conversation_id,
            ),
        )
        known = self.conversation(conversation_id)
        before = known.participants if known else {}
        after = changed.participants
        self._database.write_all(
            "DELETE FROM participants WHERE conversation_id = ? AND user_id = ?",
            [(conversation_id, id_) for id_, one in before.items() if after.get(id_) != one],
        )
        self._add_participants(
            conversation_id, [one for id_, one in after.items() if before.get(id_) != one]
        )
        self._conversations.keep(conversation_id, changed)

    def conversation_by_code(self, code_id: str) -> Conversation | None:
        """Return the conversation whose code this is."""
        row = self._database.read(
            "SELECT conversation_id FROM conversations WHERE code_id = ?", (code_id,)
        ).fetchone()
        return row and self.conversation(row[0])

    def conversation_ids(self, user_id: str) -> list[str]:
        """Return the conversations that a user is in, the one with the newest message first."""
        rows = self._database.read(
            "SELECT conversation_id, (SELECT max(seq) FROM messages"
            "  WHERE messages.conversation_id = participants.conversation_id) AS newest"
            " FROM participants WHERE user_id = ? ORDER BY newest DESC, created_at DESC",
            (user_id,),
        )
        return [conversation_id for conversation_id, _ in rows]

    # Messages

    def add_message(self, message: StoredMessage, recipients: Iterable[str]) -> bool:
        """Add a message and its deliveries; return whether its ``message_id`` was free."""
        if not self._database.write(_INSERT_MESSAGE, message):
            return False
        for user_id in recipients:
            self._database.write("INSERT INTO deliveries VALUES (?, 0, ?)", (user_id, message.seq))
        return True

    def message(self, message_id: str) -> StoredMessage | None:
        """Return a message."""
        row = self._database.read(
            f"SELECT {_MESSAGE} FROM messages WHERE message_id = ?",  # noqa: S608
            (message_id,),
        ).fetchone()
        return row and StoredMessage._make(row)

    def history(self, conversation_id: str, *, before: int, limit: int) -> list[StoredMessage]:
        """Return the newest messages of a conversation with a lesser seq, the oldest first."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages"  # noqa: S608
            " WHERE conversation_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (conversation_id, before, limit),
        )
        return _page(rows)[::-1]

    def changes(self, after: int, limit: int) -> list[StoredMessage]:
        """Return the messages that changed after a position, in the order of their changes."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM messages WHERE changed > ? ORDER BY changed LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return _page(rows)

    def last_change(self) -> int:
        """Return the position of the newest change of a message, 0 if there is none."""
        rows = self._database.read("SELECT coalesce(max(changed), 0) FROM messages")
        change: int = rows.fetchone()[0]
        return change

    def move_message(self, message: StoredMessage) -> None:
        """Write a message's new status, time and position."""
        self._database.write(
            "UPDATE messages SET status = ?, updated_at = ?, changed = ? WHERE seq = ?",
            (message.status, message.updated_at, message.changed, message.seq),
        )

    def edit_message(self, message: StoredMessage) -> None:
        """Write what a recall or a pin changes of a message, with its time and position."""
        self._database.write(
            "UPDATE messages SET data = ?, mentions = ?, recalled = ?, pinned = ?,"
            " updated_at = ?, changed = ? WHERE seq = ?",
            (
                message.data,
                message.mentions,
                message.recalled,
                message.pinned,
                message.updated_at,
                message.changed,
                message.seq,
            ),
        )

    # Deliveries

    def pending(self, user_id: str, *, after: int, limit: int) -> list[StoredMessage]:
        """Return a page of what the user has not acknowledged, in order of seq."""
        rows = self._database.read(
            f"SELECT {_MESSAGE} FROM deliveries JOIN messages USING (seq)"  # noqa: S608
            " WHERE deliveries.user_id = ? AND deliveries.status = 0 AND deliveries.seq > ?"
            " ORDER BY deliveries.seq LIMIT ?",
            (user_id, after, limit),
        )
        return _page(rows)

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

    def count_unread(self, user_id: str, conversation_id: str) -> int:
        """Return how many messages of a conversation the user has not read."""
        count: int = self._database.read(
            "SELECT count(*) FROM deliveries JOIN messages USING (seq)"
            " WHERE deliveries.user_id = ? AND conversation_id = ?",
            (user_id, conversation_id),
        ).fetchone()[0]
        return count

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
            "UPDATE deliveries SET status = 1 WHERE user_id = ? AND status = 0 AND seq = ?",
            (user_id, seq),
        )
        return moved > 0

    def mark_read(self, user_id: str, seq: int) -> bool:
        """Move a delivery to READ; return whether it was not."""
        moved = self._database.write(
            "DELETE FROM deliveries WHERE user_id = ? AND status IN (0, 1) AND seq = ?",
            (user_id, seq),
        )
        return moved > 0


def _page(rows: sqlite3.Cursor) -> list[StoredMessage]:
    """Return the rows as messages, ending early when they hold much content."""
    page: list[StoredMessage] = []
    size = 0
    for row in rows:
        message = StoredMessage._make(row)
        page.append(message)
        size += len(message.data)
        if size > _PAGE_BYTES:
            rows.close()
            break
    return page
