"""What a mailbox is asked for, and what it answers: the JSON of its HTTP endpoint. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

READ_LIMIT: Final = 100
"""Messages that are read at once, at most."""

WAIT_LIMIT: Final = 50.0
"""Seconds that reading waits for a message, at most."""


class Query(msgspec.Struct, frozen=True):
    """Which messages are to be read: the oldest that nobody has read, unless all are wanted.

    With ``include_read`` they are the newest, read or not. ``wait`` is how many seconds to wait if
    there is none. ``conversation_id`` empty stands for all conversations.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=READ_LIMIT)] = 20
    conversation_id: str = ""
    include_read: bool = False
    wait: Annotated[float, msgspec.Meta(ge=0, le=WAIT_LIMIT)] = 0.0


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came. ``text`` is what a person wrote, or the JSON of other content."""

    message_id: str
    conversation_id: str
    user_id: str
    category: str
    created_at: str
    is_group: bool
    is_encrypted: bool
    was_read: bool
    text: str


class ConversationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation from which something came lately; ``user_ids`` are who wrote."""

    conversation_id: str
    is_group: bool
    user_ids: tuple[str, ...]
    messages: int
    unread: int
    last_at: str


class SendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Words to be sent, to a person or to a conversation: one of the two is given.

    ``encrypt`` encrypts them if all who get them can read that; ``quote`` is the id of a message.
    """

    text: str
    user_id: str = ""
    conversation_id: str = ""
    markdown: bool = False
    quote: str = ""
    encrypt: bool = False


class SentMessage(msgspec.Struct, frozen=True):
    """What became of it: the service has it, or it waits in the outbox and will be sent."""

    message_id: str
    state: Literal["sent", "waiting"]
