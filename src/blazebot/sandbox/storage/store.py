"""Users, sessions, relationships and conversations as they are stored, and the queries on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from blazebot.sandbox.storage.cache import Cache
from blazebot.sandbox.storage.database import Database
from blazebot.sandbox.storage.message_store import MessageStore
from blazebot.sandbox.storage.rows import Conversation, Participant, Session, User
from blazebot.sandbox.storage.tables import MIGRATIONS

__all__ = ["Store"]

_CACHED: Final = 16_384

_USER: Final = (
    "users.user_id, kind, full_name, identity_number, users.created_at,"
    " coalesce((SELECT session_id FROM sessions"
    "  WHERE sessions.user_id = users.user_id AND ended_at IS NULL"
    "  ORDER BY sessions.created_at DESC LIMIT 1), ''), biography, users.code_id, avatar_id"
    " FROM users"
)
_SESSION: Final = ", ".join(f"sessions.{name}" for name in Session._fields)


class Store:
    """The sandbox's rows. What it writes is committed with the loop turn: see ``database``.

    ``path`` None is a private temporary database.

    Raises:
        SandboxError: the file cannot be used; the message says why.
    """

    def __init__(self, path: str | None, *, sync: str = "normal") -> None:
        self._database = Database(path, sync=sync, migrations=MIGRATIONS)
        self.after_commit = self._database.after_commit
        self.committed = self._database.committed
        self.close = self._database.close
        self.messages = MessageStore(self._database)
        self._users: Cache[str, User] = Cache(_CACHED)
        self._conversations: Cache[str, Conversation] = Cache(_CACHED)
        self._relationships: Cache[tuple[str, str], str] = Cache(_CACHED)
        caches = (self._users, self._conversations, self._relationships)
        self._database.on_rollback += [cache.clear for cache in caches]
        rows = self._database.read(
            "SELECT max(coalesce((SELECT max(changed) FROM messages), 0),"
            " coalesce((SELECT max(joined) FROM participants), 0))"
        )
        self.position: int = rows.fetchone()[0]
        """The last position taken: everything that changes from now on has a greater one."""

    def retention_offset(self) -> float:
        """Return how far the retention clock is from the real one, in seconds."""
        row = self._database.read("SELECT offset FROM retention_clock").fetchone()
        return row[0] if row else 0.0

    def keep_retention_offset(self, offset: float) -> None:
        """Write how far the retention clock is from the real one, in seconds."""
        self._database.write("DELETE FROM retention_clock")
        self._database.write("INSERT INTO retention_clock VALUES (?)", (offset,))

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
        """Return a user who is not deleted."""
        user = self._users.get(user_id)
        if user is None:
            user = self._user(
                f"SELECT {_USER} WHERE users.user_id = ? AND deleted_at IS NULL",
                user_id,
            )
            if user is not None:
                self._users.keep(user_id, user)
        return user

    def users(self, kind: str) -> list[User]:
        """Return all users of a kind who are not deleted, the oldest first."""
        rows = self._database.read(
            f"SELECT {_USER} WHERE kind = ? AND deleted_at IS NULL ORDER BY number",
            (kind,),
        )
        return [User._make(row) for row in rows]

    def last_user_number(self) -> int:
        """Return the number of the newest user, 0 if there is none; they count from 1."""
        rows = self._database.read("SELECT coalesce(max(number), 0) FROM users")
        number: int = rows.fetchone()[0]
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
        return self._user(
            f"SELECT {_USER} WHERE identity_number = ? AND deleted_at IS NULL",
            identity_number,
        )

    def user_by_code(self, code_id: str) -> User | None:
        """Return the user whose code this is."""
        return self._user(
            f"SELECT {_USER} WHERE users.code_id = ? AND deleted_at IS NULL",
            code_id,
        )

    def deleted_user(self, user_id: str) -> User | None:
        """Return a user who is deleted."""
        return self._user(
            f"SELECT {_USER} WHERE users.user_id = ? AND deleted_at IS NOT NULL",
            user_id,
        )

    def _user(self, statement: str, value: str) -> User | None:
        row = self._database.read(statement, (value,)).fetchone()
        return row and User._make(row)

    def delete_user(self, user_id: str, deleted_at: int) -> None:
        """Delete a user; what they have written stays, and that they are in conversations."""
        self._database.write(
            "UPDATE users SET deleted_at = ? WHERE user_id = ?", (deleted_at, user_id)
        )
        self._users.pop(user_id, None)

    def update_user(self, user: User) -> None:
        """Write a user's name, biography and picture."""
        self._database.write(
            "UPDATE users SET full_name = ?, biography = ?, avatar_id = ? WHERE user_id = ?",
            (user.full_name, user.biography, user.avatar_id, user.user_id),
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

    def sessions(self, user_id: str) -> list[Session]:
        """Return a user's sessions, live or ended, the oldest first."""
        rows = self._database.read(
            f"SELECT {_SESSION} FROM sessions WHERE user_id = ? ORDER BY created_at",  # noqa: S608
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
            "  WHERE messages.conversation_id = participants.conversation_id"
            "  AND disappeared = 0) AS newest"
            " FROM participants WHERE user_id = ? ORDER BY newest DESC, created_at DESC",
            (user_id,),
        )
        return [conversation_id for conversation_id, _ in rows]
