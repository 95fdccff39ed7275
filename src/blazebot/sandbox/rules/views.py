"""How what is stored is shown on the wire: messages, receipts, users, conversations (section 10).

Bots see views with all fields, re-encoded from what is stored; people see snapshots.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from blazebot.sandbox.clocks import UNSET_TIME, time_or_unset, timestamp
from blazebot.sandbox.storage.rows import Conversation, Session, StoredMessage, User
from blazebot.wire.base64 import encode_base64, encode_padded_base64
from blazebot.wire.content import PLAIN_TEXT
from blazebot.wire.frames import ACKNOWLEDGE_MESSAGE_RECEIPT
from blazebot.wire.messages import DELIVERED, READ, SENT, MessageView

STATUS_NAMES: Final = (SENT, DELIVERED, READ)
"""Statuses by rank."""

_TEXTS: Final = (PLAIN_TEXT, "ENCRYPTED_TEXT")

_CODES: Final = "https://mixin.one/codes/"
"""Where codes of users and conversations lead [C]."""


def message_view(message: StoredMessage, source: str) -> MessageView:
    """Return a message as a bot sees it; ``source`` says why it is pushed [C]."""
    created_at, updated_at = _times(message)
    return MessageView(
        conversation_id=message.conversation_id,
        user_id=message.user_id,
        session_id=message.session_id,
        message_id=message.message_id,
        category=message.category,
        data=encode_padded_base64(message.data),
        data_base64=encode_base64(message.data),
        status=STATUS_NAMES[message.status],
        source=source,
        representative_id=message.representative_id,
        quote_message_id=message.quote_message_id,
        silent=bool(message.silent),
        expire_in=message.expire_in,
        created_at=created_at,
        updated_at=updated_at,
    )


def sent_view(message: StoredMessage) -> MessageView:
    """Return the answer to a send: category and conversation empty, status SENT [C]."""
    created_at = timestamp(message.created_at)
    return MessageView(
        message_id=message.message_id,
        user_id=message.user_id,
        session_id=message.session_id,
        status=SENT,
        created_at=created_at,
        updated_at=created_at,
    )


def receipt_view(message: StoredMessage, reader_id: str) -> MessageView:
    """Return what a bot is told when ``reader_id`` received or read what it sent [C].

    Whose id ``user_id`` holds is not known; the reader's is of more use than the bot's own [A].
    """
    created_at, updated_at = _times(message)
    return MessageView(
        message_id=message.message_id,
        conversation_id=message.conversation_id,
        user_id=reader_id,
        status=STATUS_NAMES[message.status],
        source=ACKNOWLEDGE_MESSAGE_RECEIPT,
        created_at=created_at,
        updated_at=updated_at,
    )


class Snapshot(msgspec.Struct, kw_only=True):
    """A message as one person sees it now.

    ``seq`` orders messages. ``text`` is there for text that is valid UTF-8. ``status`` is that of
    the message for its sender, and how far it came with this person for everybody else. Times are
    RFC 3339 in UTC.

    Of an ``encrypted`` message, ``data_base64`` and ``text`` are what the person's client has
    decrypted, with nothing in them if ``undecryptable`` says why it cannot be. A ``recalled``
    message has neither any more; nor has one that has ``disappeared``, which is shown no longer.
    """

    message_id: str
    conversation_id: str
    user_id: str
    category: str
    data_base64: str
    text: str | None
    status: str
    seq: int
    quote_message_id: str
    representative_id: str
    silent: bool
    expire_in: int
    created_at: str
    updated_at: str
    mentions: tuple[str, ...] = ()
    encrypted: bool = False
    undecryptable: str = ""
    recalled: bool = False
    pinned: bool = False
    disappeared: bool = False


def snapshot(
    message: StoredMessage, status: int, plaintext: bytes | None = None, *, undecryptable: str = ""
) -> Snapshot:
    """Return a message as a person sees it for whom it has this ``status``.

    ``plaintext`` is that of an encrypted one, ``undecryptable`` why it cannot be read.
    """
    created_at, updated_at = _times(message)
    data = message.data if plaintext is None else plaintext
    seen = Snapshot(
        message_id=message.message_id,
        conversation_id=message.conversation_id,
        user_id=message.user_id,
        category=message.category,
        data_base64=encode_base64(data),
        text=None if message.is_gone or undecryptable else _text(message.category, data),
        status=STATUS_NAMES[status],
        seq=message.seq,
        quote_message_id=message.quote_message_id,
        representative_id=message.representative_id,
        silent=bool(message.silent),
        expire_in=message.expire_in,
        created_at=created_at,
        updated_at=updated_at,
    )
    # What few have is set apart: a call with more than 15 keywords takes twice as long.
    if message.mentions:
        seen.mentions = tuple(message.mentions.split())
    if plaintext is not None:
        seen.encrypted, seen.undecryptable = True, undecryptable
    if message.recalled or message.pinned:
        seen.recalled, seen.pinned = bool(message.recalled), bool(message.pinned)
    if message.disappeared:
        seen.disappeared = True
    return seen


def session_view(session: Session, platform: str) -> dict[str, Any]:
    """Return a session as ``/sessions/fetch`` shows one [D]."""
    return {
        "type": "session",
        "user_id": session.user_id,
        "session_id": session.session_id,
        "public_key": session.curve_public_key,
        "platform": platform,
    }


def _times(message: StoredMessage) -> tuple[str, str]:
    created_at = timestamp(message.created_at)
    if message.updated_at == message.created_at:
        return created_at, created_at
    return created_at, timestamp(message.updated_at)


def _text(category: str, data: bytes) -> str | None:
    if category not in _TEXTS:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def user_view(user: User, origin: str) -> dict[str, Any]:
    """Return a user as the service's REST shows one to who addressed it as ``origin``."""
    view: dict[str, Any] = {
        "type": "user",
        "user_id": user.user_id,
        "identity_number": user.identity_number,
        "phone": "",
        "full_name": user.full_name,
        "avatar_url": _avatar_url(user, origin),
        "biography": user.biography,
        "is_verified": False,
        "is_scam": False,
        "mute_until": UNSET_TIME,
        "relationship": "STRANGER",
        "created_at": timestamp(user.created_at),
        "has_safe": False,
    }
    if user.is_bot:
        view["app"] = _app_view(user, origin)
    return view


def me_view(user: User, origin: str) -> dict[str, Any]:
    """Return a user as ``GET /me`` shows them to themselves."""
    return user_view(user, origin) | {
        "relationship": "ME",
        "session_id": user.session_id,
        "pin_token": "",
        "pin_token_base64": "",
        "code_id": user.code_id,
        "code_url": f"{_CODES}{user.code_id}",
        "device_status": "",
        "has_pin": False,
        "has_emergency_contact": False,
        "receive_message_source": "EVERYBODY",
        "accept_conversation_source": "EVERYBODY",
        "accept_search_source": "EVERYBODY",
        "fiat_currency": "USD",
        "transfer_notification_threshold": 0,
        "transfer_confirmation_threshold": 0,
        "tip_key_base64": "",
        "tip_counter": 0,
    }


def avatar_path(user: User) -> str:
    """Return where the sandbox shows a user's picture, empty if there is none."""
    return f"/avatars/{user.avatar_id}" if user.avatar_id else ""


def _avatar_url(user: User, origin: str) -> str:
    path = avatar_path(user)
    return path and origin + path


def _app_view(user: User, origin: str) -> dict[str, Any]:
    return {
        "type": "app",
        "app_id": user.user_id,
        "app_number": user.identity_number,
        "name": user.full_name,
        "description": "",
        "icon_url": _avatar_url(user, origin),
        "home_uri": "",
        "redirect_uri": "",
        "category": "OTHER",
        "capabilities": [],
        "resource_patterns": [],
        "creator_id": user.user_id,
        "is_verified": False,
        "has_safe": False,
        "updated_at": timestamp(user.created_at),
    }


def conversation_view(
    conversation: Conversation, sessions: list[Session], viewer_id: str = ""
) -> dict[str, Any]:
    """Return a conversation with the live ``sessions`` of its participants.

    ``mute_until`` is that of the viewer.
    """
    viewer = conversation.participants.get(viewer_id)
    return {
        "type": "conversation",
        "conversation_id": conversation.conversation_id,
        "creator_id": conversation.creator_id,
        "category": conversation.category,
        "name": conversation.name,
        "icon_url": "",
        "announcement": conversation.announcement,
        "created_at": timestamp(conversation.created_at),
        "code_id": conversation.code_id,
        "code_url": f"{_CODES}{conversation.code_id}",
        "mute_until": time_or_unset(viewer.mute_until if viewer else 0),
        "expire_in": conversation.expire_in,
        "participants": [
            {
                "type": "participant",
                "user_id": participant.user_id,
                "role": participant.role,
                "created_at": timestamp(participant.created_at),
            }
            for participant in conversation.participants.values()
        ],
        "participant_sessions": [
            {
                "type": "participant_session",
                "user_id": session.user_id,
                "session_id": session.session_id,
                "public_key": session.curve_public_key,
            }
            for session in sessions
        ],
        "circles": [],
    }
