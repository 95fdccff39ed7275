"""Messages on the wire (protocol section 5): request, view, receipt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

SENT: Final = "SENT"
DELIVERED: Final = "DELIVERED"
READ: Final = "READ"

STATUS_RANK: Final = {SENT: 0, DELIVERED: 1, READ: 2}
"""A status only moves forward [S]."""


class MessageRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message as a client sends it: socket ``params``, items of REST ``/messages``.

    ``message_id`` is made by the client and is the idempotency key: the same id twice is one
    message. Content is in ``data_base64`` (what we send [D]) or ``data`` [S]; empty and null mean
    absent. ``expire_in`` is in seconds.
    """

    conversation_id: str
    message_id: str
    category: str
    status: str | None
    data_base64: str | None = None
    data: str | None = None
    recipient_id: str | None = None
    representative_id: str | None = None
    quote_message_id: str | None = None
    silent: bool | None = None
    expire_in: int | None = None
    mentions: list[str] | None = None


class IncomingRequest(MessageRequest, kw_only=True, omit_defaults=True):
    """A message request as a server reads it: everything but the id may be absent."""

    conversation_id: str = ""
    category: str = ""
    status: str | None = None


class MessageBatch(msgspec.Struct):
    """``params`` of ``CREATE_PLAIN_MESSAGES``: at most 100 requests [S]."""

    messages: list[MessageRequest]


class MessageView(msgspec.Struct, kw_only=True):
    """A message as the service shows it. Absent, empty and null mean the same [C].

    Times are RFC 3339 in UTC with up to 9 fractional digits; ``created`` reads one.
    """

    message_id: str
    conversation_id: str | None = ""
    category: str | None = ""
    user_id: str | None = ""
    session_id: str | None = ""
    data_base64: str | None = ""
    data: str | None = ""
    status: str | None = ""
    source: str | None = ""
    representative_id: str | None = ""
    quote_message_id: str | None = ""
    silent: bool | None = False
    expire_in: int | None = 0
    created_at: str | None = ""
    updated_at: str | None = ""
    type: str | None = "message"

    @property
    def is_message(self) -> bool:
        """Whether this is a message to handle, not the answer to a send (which lacks these)."""
        return bool(self.category and self.conversation_id)

    @property
    def created(self) -> datetime:
        """When the service took the message; the epoch's start if it did not say."""
        try:
            return datetime.fromisoformat(self.created_at or "").astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.fromtimestamp(0, UTC)


class Receipt(msgspec.Struct):
    """What became of a message: ``status`` is ``DELIVERED`` or ``READ``."""

    message_id: str
    status: str


class ReceiptBatch(msgspec.Struct):
    """``params`` of ``ACKNOWLEDGE_MESSAGE_RECEIPTS`` [C]: at most 100 receipts."""

    messages: list[Receipt]
