"""What the service's REST shows: users, apps, conversations, sessions (protocol section 9).

Times are RFC 3339 in UTC as the service writes them; :func:`time_of` reads one. What the service
left out, or left empty, is empty, 0, False or None. Secrets of an account, such as its
``pin_token``, are not read at all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

__all__ = [
    "ADMIN",
    "CONTACT",
    "FAILED",
    "GROUP",
    "MEMBER",
    "OWNER",
    "SUCCESS",
    "App",
    "AttachmentInfo",
    "Conversation",
    "EncryptedReceipt",
    "Me",
    "Membership",
    "Participant",
    "Session",
    "User",
    "time_of",
]

CONTACT: Final = "CONTACT"
"""A conversation of two [D]."""

GROUP: Final = "GROUP"
"""A conversation of up to 256 [D]."""

OWNER: Final = "OWNER"
ADMIN: Final = "ADMIN"
MEMBER: Final = ""
"""The roles in a group [C]."""

SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
"""The states of an encrypted message [D]."""

_UNSET: Final = "0001-01-01"


def time_of(text: str) -> datetime | None:
    """Return the time of a field such as ``created_at``; None where it is unset or unreadable.

    The service writes an unset time as ``0001-01-01T00:00:00Z`` [C].
    """
    if text.startswith(_UNSET):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):  # beyond the year 9999, once in UTC
        return None


class App(msgspec.Struct, kw_only=True, frozen=True):
    """What a bot's developer says about it [D]."""

    app_id: str
    app_number: str = ""
    name: str = ""
    description: str = ""
    icon_url: str = ""
    home_uri: str = ""
    redirect_uri: str = ""
    category: str = ""
    capabilities: tuple[str, ...] = ()
    resource_patterns: tuple[str, ...] = ()
    creator_id: str = ""
    is_verified: bool = False
    has_safe: bool = False
    updated_at: str = ""


class Membership(msgspec.Struct, kw_only=True, frozen=True):
    """What a user pays for [C]."""

    plan: str = ""
    expired_at: str = ""


class User(msgspec.Struct, kw_only=True, frozen=True):
    """A user, or a bot (then ``app`` is there), as the caller may see them [D].

    ``relationship`` is that with the caller: ``STRANGER``, ``FRIEND``, ``BLOCKING`` or ``ME``.
    """

    user_id: str
    identity_number: str = ""
    phone: str = ""
    full_name: str = ""
    avatar_url: str = ""
    biography: str = ""
    relationship: str = ""
    is_verified: bool = False
    is_scam: bool = False
    has_safe: bool = False
    mute_until: str = ""
    created_at: str = ""
    membership: Membership | None = None
    app: App | None = None


class Me(User, kw_only=True, frozen=True):
    """The caller's own user [D][C]; ``me["user_id"]`` reads a field by its name too."""

    session_id: str = ""
    code_id: str = ""
    code_url: str = ""
    device_status: str = ""
    has_pin: bool = False
    receive_message_source: str = ""
    accept_conversation_source: str = ""
    accept_search_source: str = ""
    fiat_currency: str = ""
    transfer_notification_threshold: float = 0
    transfer_confirmation_threshold: float = 0


class Participant(msgspec.Struct, kw_only=True, frozen=True):
    """Somebody in a conversation; ``role`` is ``OWNER``, ``ADMIN`` or empty [C]."""

    user_id: str
    role: str = MEMBER
    created_at: str = ""


class Session(msgspec.Struct, kw_only=True, frozen=True):
    """A session of a user.

    ``public_key`` is its curve25519 key as unpadded base64url; without one it cannot read
    encrypted messages (section 8).
    """

    session_id: str
    user_id: str = ""
    public_key: str = ""
    platform: str = ""


class Conversation(msgspec.Struct, kw_only=True, frozen=True):
    """A conversation with its participants and their sessions [D][C].

    ``category`` is ``CONTACT`` or ``GROUP``; ``expire_in`` is in seconds, 0 where messages stay.
    """

    conversation_id: str
    category: str = ""
    creator_id: str = ""
    name: str = ""
    icon_url: str = ""
    announcement: str = ""
    created_at: str = ""
    code_id: str = ""
    code_url: str = ""
    mute_until: str = ""
    expire_in: int = 0
    participants: tuple[Participant, ...] = ()
    participant_sessions: tuple[Session, ...] = ()


class AttachmentInfo(msgspec.Struct, kw_only=True, frozen=True):
    """Where an attachment's bytes are uploaded to, and where they are read [D].

    Whoever has ``upload_url`` can upload, so it is not shown in repr.
    """

    attachment_id: str
    upload_url: str = ""
    view_url: str = ""
    created_at: str = ""

    def __repr__(self) -> str:
        return f"AttachmentInfo(attachment_id={self.attachment_id!r})"


class EncryptedReceipt(msgspec.Struct, kw_only=True, frozen=True):
    """What became of one encrypted message [D].

    ``state`` is ``SUCCESS``; or ``FAILED``: it was encrypted for other sessions than these, which
    are the recipient's now. None: the recipient is gone.
    """

    message_id: str
    recipient_id: str = ""
    state: str = ""
    sessions: tuple[Session, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the service has taken the message."""
        return self.state == SUCCESS
