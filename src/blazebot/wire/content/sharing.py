"""Content that points at something else: a person, a place, a stream, other messages."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import msgspec

from blazebot.errors import ContentError
from blazebot.wire.content.base import (
    Content,
    JsonContent,
    read_json,
    read_object,
    repr_without,
    write_json,
)
from blazebot.wire.content.checks import WEB, check_address, check_count, check_id, check_positive
from blazebot.wire.limits import TRANSCRIPT_LIMIT


class Contact(JsonContent, frozen=True, omit_defaults=True):
    """``PLAIN_CONTACT``: a user, by id [S]."""

    CATEGORY: ClassVar[str] = "PLAIN_CONTACT"

    user_id: str

    def check(self) -> None:
        """Raise ContentError unless the id is a UUID."""
        check_id("user_id", self.user_id)


class Location(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_LOCATION``: a place in degrees, perhaps with name and address [D]."""

    CATEGORY: ClassVar[str] = "PLAIN_LOCATION"

    longitude: float
    latitude: float
    name: str | None = None
    address: str | None = None

    def check(self) -> None:
        """Raise ContentError if it is no place on Earth."""
        if not -180 <= self.longitude <= 180:
            raise ContentError(f"longitude: is {self.longitude}; -180 to 180 are allowed")
        if not -90 <= self.latitude <= 90:
            raise ContentError(f"latitude: is {self.latitude}; -90 to 90 are allowed")

    check_read = check


class Live(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_LIVE``: a stream by its address; width and height in pixels [D]."""

    CATEGORY: ClassVar[str] = "PLAIN_LIVE"

    url: str
    thumb_url: str = ""
    width: int = 0
    height: int = 0
    shareable: bool | None = None

    def check(self) -> None:
        """Raise ContentError if an address or a size would be refused."""
        check_address("url", self.url, WEB)
        check_address("thumb_url", self.thumb_url, WEB)
        check_positive("width", self.width)
        check_positive("height", self.height)


class TranscriptItem(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a transcript, copied as it stands there [C]. Times are RFC 3339."""

    message_id: str
    message_category: str = msgspec.field(name="category", default="")
    user_id: str | None = None
    user_full_name: str | None = None
    created_at: str | None = None
    content: str | None = None
    media_url: str | None = None
    media_name: str | None = None
    media_size: int | None = None
    media_width: int | None = None
    media_height: int | None = None
    media_mime_type: str | None = None
    media_duration: int | None = None
    media_key: str | None = None
    media_digest: str | None = None
    media_waveform: str | None = None
    media_created_at: str | None = None
    thumb_image: str | None = None
    thumb_url: str | None = None
    sticker_id: str | None = None
    shared_user_id: str | None = None
    mentions: Any = None
    quote_id: str | None = None
    quote_content: str | None = None
    caption: str | None = None

    def __repr__(self) -> str:
        return repr_without(self, ("media_key", "media_digest", "thumb_image"))


class Transcript(Content, frozen=True):
    """``PLAIN_TRANSCRIPT``: messages that were forwarded together [C]."""

    CATEGORY: ClassVar[str] = "PLAIN_TRANSCRIPT"

    items: tuple[TranscriptItem, ...]

    def check(self) -> None:
        """Raise ContentError if there are no items, or an item has no id or category."""
        check_count("items", self.items, 1, TRANSCRIPT_LIMIT)
        for number, item in enumerate(self.items):
            check_id(f"items[{number}].message_id", item.message_id)
            if not item.message_category:
                raise ContentError(f"items[{number}].category: is missing")

    def encode(self, message_id: str = "") -> bytes:
        """Return the items as JSON, each with the carrying message's id as ``transcript_id`` [C].

        Raises:
            ContentError: see :meth:`check`.
        """
        self.check()
        return write_json(
            [{"transcript_id": message_id, **msgspec.to_builtins(item)} for item in self.items]
        )

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the transcript of a JSON list; raises as :meth:`Content.decode`."""
        items = read_json(raw)
        if not isinstance(items, list):
            raise ContentError("should be a JSON list")
        return cls(tuple(read_object(item, TranscriptItem) for item in items))
