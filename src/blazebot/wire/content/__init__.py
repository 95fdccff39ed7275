"""What messages hold: a struct for each category, and what stands in where none fits.

A content knows its category and how to encode and decode itself; :func:`decode_content` reads any.
"""

from __future__ import annotations

from typing import Final

from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content.app import Button, ButtonGroup, Card
from blazebot.wire.content.base import Content, Invalid, Unknown
from blazebot.wire.content.editing import Pin, Recall
from blazebot.wire.content.media import Audio, File, Image, Media, Sticker, Video
from blazebot.wire.content.sharing import Contact, Live, Location, Transcript, TranscriptItem
from blazebot.wire.content.system import (
    AccountTransfer,
    ConversationChange,
    InscriptionTransfer,
    SafeTransfer,
    Transfer,
)
from blazebot.wire.content.text import PLAIN_TEXT, Post, Text

__all__ = [
    "CATEGORIES",
    "PLAIN_TEXT",
    "AccountTransfer",
    "Audio",
    "Button",
    "ButtonGroup",
    "Card",
    "Contact",
    "Content",
    "ConversationChange",
    "File",
    "Image",
    "InscriptionTransfer",
    "Invalid",
    "Live",
    "Location",
    "Media",
    "Pin",
    "Post",
    "Recall",
    "SafeTransfer",
    "Sticker",
    "Text",
    "Transcript",
    "TranscriptItem",
    "Transfer",
    "Unknown",
    "Video",
    "decode_bytes",
    "decode_content",
]

CATEGORIES: Final[dict[str, type[Content]]] = {
    kind.CATEGORY: kind
    for kind in (
        Text,
        Post,
        Image,
        Video,
        Audio,
        File,
        Sticker,
        Contact,
        Location,
        Live,
        Transcript,
        ButtonGroup,
        Card,
        Recall,
        Pin,
        AccountTransfer,
        SafeTransfer,
        InscriptionTransfer,
        ConversationChange,
    )
}
"""The kind of content of each category that has one."""


def decode_content(category: str, data_base64: str | None, data: str | None) -> Content:
    """Return the content of a message view; never raises.

    ``data_base64`` is preferred; where it is empty or absent, ``data`` is read [C].
    """
    text = data_base64 or data or ""
    try:
        raw = decode_base64(text)
    except ContentError as error:
        return Invalid(category, text.encode("utf-8", "surrogatepass"), str(error))
    return decode_bytes(category, raw)


def decode_bytes(category: str, raw: bytes) -> Content:
    """Return the content of ``category`` that these bytes hold; never raises."""
    kind = CATEGORIES.get(category)
    if kind is None:
        return Unknown(category, raw)
    try:
        return kind.decode(raw)
    except ContentError as error:
        return Invalid(category, raw, str(error))
