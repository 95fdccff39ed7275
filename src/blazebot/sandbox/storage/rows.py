"""What is stored, as it is read: users, sessions, conversations, messages.

Times are nanoseconds since the epoch, 0 where unset.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

__all__ = [
    "BLOCKING",
    "BOT",
    "CONTACT",
    "FRIEND",
    "GROUP",
    "NOBODY",
    "PERSON",
    "Conversation",
    "Participant",
    "Session",
    "StoredMessage",
    "User",
]

PERSON: Final = "person"
BOT: Final = "bot"
CONTACT: Final = "CONTACT"
GROUP: Final = "GROUP"
FRIEND: Final = "FRIEND"
BLOCKING: Final = "BLOCKING"


class User(NamedTuple):
    """Somebody: a person or a bot. ``session_id`` is of the newest live session, empty if none.

    ``avatar_id`` is that of the picture, empty if there is none.
    """

    user_id: str
    kind: str
    full_name: str
    identity_number: str
    created_at: int
    session_id: str
    biography: str = ""
    code_id: str = ""
    avatar_id: str = ""

    @property
    def is_bot(self) -> bool:
        """Whether this is a bot."""
        return self.kind == BOT


NOBODY: Final = User("", "", "", "", 0, "")
"""Whoever calls without a token."""


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


# No tuple as the others: it is copied at each move, which a tuple takes ten times as long for, and
# the garbage collector need not go through all that are remembered.
class StoredMessage(Struct, frozen=True, gc=False):
    """A message. ``data`` is decoded, ``status`` a rank, absent ids are empty; see the schema.

    ``mentions`` are user ids with a space between; a ``recalled`` message has no data any more, nor
    has one that has ``disappeared``. ``disappears_at`` is 0 where it does not, or is not known yet.
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
    disappears_at: int = 0
    disappeared: int = 0
    from_bot: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether it has no data any more."""
        return bool(self.recalled or self.disappeared)
