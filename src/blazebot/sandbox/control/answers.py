"""What the control API answers, over HTTP and on its socket: the shapes, and how they are filled.

Times are RFC 3339 in UTC, ids are UUIDs in lower case.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from blazebot.sandbox.clocks import Clocks, timestamp
from blazebot.sandbox.rules.oauth import Authorization
from blazebot.sandbox.rules.views import Snapshot, avatar_path
from blazebot.sandbox.storage.rows import Session, StoredMessage, User

__all__ = [
    "AttachmentDocument",
    "AuthorizationCode",
    "AuthorizationDocument",
    "AuthorizationList",
    "BotDocument",
    "BotList",
    "ClientSecret",
    "ClocksDocument",
    "ConversationDocument",
    "ConversationList",
    "ConversationSummary",
    "ErrorDocument",
    "FriendDocument",
    "Health",
    "MessageList",
    "MessagePage",
    "MessagesFound",
    "OpenedSession",
    "ParticipantDocument",
    "PersonList",
    "RelationshipDocument",
    "RelationshipList",
    "Sent",
    "SessionDocument",
    "SessionList",
    "Transferred",
    "UserDocument",
    "authorization_document",
    "clocks_document",
    "sent",
    "session_document",
    "user_document",
]


class ErrorDetails(Struct, omit_defaults=True):
    """An error: the HTTP status, the service's own code, and its words for that code.

    ``extra`` has the ``reason`` in words, and the ``field`` that is to blame, if one is.
    """

    status: int
    code: int
    description: str
    extra: dict[str, Any] | None = None


class ErrorDocument(Struct):
    """The answer to what is refused, or failed."""

    error: ErrorDetails


class Health(Struct):
    """The sandbox serves; ``cursor`` is that of the newest change of a message."""

    cursor: int
    status: Literal["ok"] = "ok"


class ClocksDocument(Struct):
    """Both clocks: their offsets from the real time in seconds, and what they show."""

    retention_offset: float
    retention_now: str
    token_offset: float
    token_now: str


class UserDocument(Struct, kw_only=True):
    """A person or a bot; ``avatar_url`` is the path of their picture here, empty if none."""

    user_id: str
    kind: Literal["person", "bot"]
    full_name: str
    identity_number: str
    avatar_url: str
    created_at: str


class PersonList(Struct):
    """People, the oldest first."""

    people: list[UserDocument]


class BotDocument(UserDocument, kw_only=True):
    """A bot and how it is doing.

    ``session_id`` is that of its live session, empty if it has none. ``connections`` counts its
    handshakes since the sandbox started, ``pending`` what it has not acknowledged,
    ``unacknowledged`` how many of these were pushed on the connection that it has now, and
    ``quota_used`` how many of the ``quota`` of messages it has sent in the window up to now.
    ``sent`` by it and ``pushed`` to it count messages since the sandbox started.
    """

    session_id: str
    redirect_uri: str
    connected: bool
    connections: int
    pending: int
    unacknowledged: int
    repeated_tokens: int
    wrong_signatures: int
    quota_used: int
    quota: int
    sent: int
    pushed: int


class BotList(Struct):
    """Bots, the oldest first."""

    bots: list[BotDocument]


class ClientSecret(Struct):
    """What a bot exchanges OAuth codes with; the secret is shown only now."""

    client_id: str
    client_secret: str


class SessionDocument(Struct, kw_only=True):
    """A session; ``ended_at`` is null while it lives.

    ``public_key`` is base64url, empty where the session can read nothing encrypted.
    """

    session_id: str
    public_key: str
    created_at: str
    ended_at: str | None


class SessionList(Struct):
    """Sessions, the oldest first."""

    sessions: list[SessionDocument]


class OpenedSession(SessionDocument, kw_only=True):
    """A person's new session, and in ``sessions`` all that they have now."""

    sessions: list[SessionDocument]


class FriendDocument(Struct):
    """The conversation with a friend; ``added`` tells whether it was none before."""

    conversation_id: str
    added: bool


class RelationshipDocument(Struct):
    """What a user is to a person: FRIEND, BLOCKING or STRANGER."""

    user_id: str
    relationship: str


class RelationshipList(Struct):
    """Friends, then those who are blocked, each the first made so first."""

    relationships: list[RelationshipDocument]


class Sent(Struct, kw_only=True):
    """A person's message as it was taken; a repeat of its id finds the first."""

    message_id: str
    conversation_id: str
    seq: int
    created_at: str


class Transferred(Sent, kw_only=True):
    """What a bot was told of a transfer: the message, and its content."""

    category: str
    transfer: dict[str, Any]


class MessageList(Struct):
    """Messages, the oldest first."""

    messages: list[Snapshot]


class MessagePage(Struct):
    """Messages in the order of their last changes; ``more`` follow after ``cursor``."""

    messages: list[Snapshot]
    cursor: int
    more: bool


class MessagesFound(Struct):
    """Messages that were found, the newest first; ``more`` may be before the seq ``before``."""

    messages: list[Snapshot]
    before: int
    more: bool


class ParticipantDocument(UserDocument, kw_only=True):
    """Somebody in a conversation; ``role`` is OWNER, ADMIN or empty."""

    role: str


class ConversationDocument(Struct, kw_only=True):
    """A conversation as a person sees it: CONTACT or GROUP; one of two has the other's name.

    ``expire_in`` is in seconds, 0 where messages stay; ``code_id`` is what others join a group by.
    """

    conversation_id: str
    category: str
    creator_id: str
    name: str
    announcement: str
    created_at: str
    code_id: str
    expire_in: int
    mute_until: str
    participants: list[ParticipantDocument]


class ConversationSummary(ConversationDocument, kw_only=True):
    """A conversation in a person's list."""

    unread: int
    last_message: Snapshot | None


class ConversationList(Struct):
    """Conversations, the one with the newest message first."""

    conversations: list[ConversationSummary]


class AttachmentDocument(Struct):
    """An attachment that is uploaded: ``size`` bytes, to be read from ``view_url``."""

    attachment_id: str
    view_url: str
    size: int
    created_at: str


class AuthorizationCode(Struct):
    """The code that a bot exchanges for an authorization."""

    code: str


class AuthorizationDocument(Struct):
    """What a person has granted a bot: scopes separated by spaces."""

    authorization_id: str
    bot_id: str
    scope: str
    created_at: str


class AuthorizationList(Struct):
    """Authorizations, the first granted first."""

    authorizations: list[AuthorizationDocument]


def user_document(user: User) -> UserDocument:
    """Return a user as the control API shows one."""
    return UserDocument(
        user_id=user.user_id,
        kind="bot" if user.is_bot else "person",
        full_name=user.full_name,
        identity_number=user.identity_number,
        avatar_url=avatar_path(user),
        created_at=timestamp(user.created_at),
    )


def session_document(session: Session) -> SessionDocument:
    """Return a session as the control API shows one."""
    return SessionDocument(
        session_id=session.session_id,
        public_key=session.curve_public_key,
        created_at=timestamp(session.created_at),
        ended_at=None if session.ended_at is None else timestamp(session.ended_at),
    )


def sent(message: StoredMessage) -> Sent:
    """Return what there is to say of a message that was taken."""
    return Sent(
        message_id=message.message_id,
        conversation_id=message.conversation_id,
        seq=message.seq,
        created_at=timestamp(message.created_at),
    )


def authorization_document(authorization: Authorization) -> AuthorizationDocument:
    """Return an authorization as the person sees it."""
    return AuthorizationDocument(
        authorization_id=authorization.authorization_id,
        bot_id=authorization.bot_id,
        scope=authorization.scope,
        created_at=timestamp(authorization.created_at),
    )


def clocks_document(clocks: Clocks) -> ClocksDocument:
    """Return both clocks as they are now."""
    return ClocksDocument(
        retention_offset=clocks.retention_offset,
        retention_now=timestamp(clocks.now()),
        token_offset=clocks.token_offset,
        token_now=timestamp(clocks.token_now()),
    )
