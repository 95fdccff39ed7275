"""What an announcement sends to each person. Pure."""

from __future__ import annotations

from typing import Final

from blazebot.announce.ids import AnnouncedIds
from blazebot.announce.stored import StoredAnnouncement, Waiting
from blazebot.announce.templates import Template
from blazebot.errors import ContentError
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import (
    Button,
    ButtonGroup,
    Card,
    Content,
    Post,
    Recall,
    Text,
    Transcript,
    decode_bytes,
)
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.limits import REQUEST_LIMIT
from blazebot.wire.messages import SENT, MessageRequest

_AROUND: Final = 1024  # bytes that stand around the content of a request, at the most


def encoded(content: Content) -> bytes:
    """Return the bytes of what an announcement says.

    Raises:
        ContentError: it cannot be announced; the message says why.
    """
    if not content.SENDABLE or not content.category:
        raise ContentError(f"category: a bot cannot send {content.category or type(content)}")
    if any(getattr(one, "callback", None) is not None for one in _buttons(content)):
        raise ContentError(
            "buttons: those that call back are signed for one conversation, so they cannot be "
            "announced: give them an action, such as input:/vote"
        )
    if isinstance(content, Transcript):
        raise ContentError("a transcript holds its message's id, so it cannot be announced")
    raw = content.encode()
    _check_size(raw)
    return raw


def _buttons(content: Content) -> tuple[Button, ...]:
    if isinstance(content, ButtonGroup):
        return content.buttons
    return content.actions if isinstance(content, Card) else ()


class Composer:
    """Makes the messages of one announcement of the bot ``app_id``."""

    def __init__(self, app_id: str, announcement: StoredAnnouncement) -> None:
        self._app_id = app_id
        self._ids = AnnouncedIds(app_id, announcement.id)
        self._category = announcement.category
        self._raw = announcement.content
        self._data = encode_base64(announcement.content)
        self._template = _template(announcement) if announcement.is_template else None

    def plaintext(self, one: Waiting) -> bytes:
        """Return the bytes of the content for one person.

        Raises:
            ContentError: a value of the template is missing, or makes it too large.
        """
        if self._template is None:
            return self._raw
        raw = self._template.render(one.values or {}).encode()
        _check_size(raw)
        return raw

    def message(self, one: Waiting) -> MessageRequest:
        """Return the message to one person; raises as :meth:`plaintext`."""
        data = self._data if self._template is None else encode_base64(self.plaintext(one))
        return self._request(one, one.message_id, self._category, data)

    def recall(self, one: Waiting) -> MessageRequest:
        """Return the message that takes theirs back."""
        content = Recall(one.message_id)
        data = encode_base64(content.encode())
        return self._request(one, self._ids.recall(one.user_id), content.category, data)

    def conversation_id(self, user_id: str) -> str:
        """Return the conversation with a person."""
        return contact_conversation_id(self._app_id, user_id)

    def _request(self, one: Waiting, message_id: str, category: str, data: str) -> MessageRequest:
        return MessageRequest(
            conversation_id=self.conversation_id(one.user_id),
            message_id=message_id,
            category=category,
            status=SENT,
            data_base64=data,
            recipient_id=one.user_id,
        )


def _template(announcement: StoredAnnouncement) -> Template:
    content = decode_bytes(announcement.category, announcement.content)
    if not isinstance(content, Text | Post):
        raise ContentError(f"announcement {announcement.id}: no template is of {content.category}")
    return Template(content)


def _check_size(raw: bytes) -> None:
    if (size := len(encode_base64(raw)) + _AROUND) > REQUEST_LIMIT:
        raise ContentError(
            f"content: the request has {size} bytes; {REQUEST_LIMIT} are allowed. Send it as a file"
        )
