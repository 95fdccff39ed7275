"""Content whose bytes are an attachment, and stickers.

``size`` is in bytes, ``width`` and ``height`` in pixels, ``duration`` in milliseconds [S]. ``key``
and ``digest`` are there if the attachment is encrypted (section 8): standard padded base64 of 64
bytes (AES and HMAC key) and of 32 (SHA-256 of what is stored).
"""

from __future__ import annotations

from typing import ClassVar

from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content.base import JsonContent, repr_without
from blazebot.wire.content.checks import (
    check_id,
    check_length,
    check_not_negative,
    check_positive,
)
from blazebot.wire.limits import FILE_NAME_LENGTH

_KEY_SIZE = 64
_DIGEST_SIZE = 32


class Media(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """What all content with an attachment has. ``attachment_id`` is from ``POST /attachments``."""

    attachment_id: str
    mime_type: str = ""
    size: int = 0
    key: str | None = None
    digest: str | None = None
    created_at: str | None = None
    """When it was uploaded, as the uploader's client wrote it; or None [C]."""

    def __repr__(self) -> str:
        return repr_without(self, ("key", "digest", "thumbnail"))

    @property
    def is_encrypted(self) -> bool:
        """Whether the attachment is stored encrypted."""
        return self.key is not None

    def check(self) -> None:
        """Raise ContentError if ids, type, size or keys would be refused."""
        check_id("attachment_id", self.attachment_id)
        check_length("mime_type", self.mime_type, 1, 255)
        check_positive("size", self.size)
        if (self.key is None) != (self.digest is None):
            raise ContentError("key and digest: an encrypted attachment has both, another neither")
        _check_base64("key", self.key, _KEY_SIZE)
        _check_base64("digest", self.digest, _DIGEST_SIZE)


class Image(Media, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_IMAGE``: a picture [S]. ``thumbnail`` is a small one, in base64."""

    CATEGORY: ClassVar[str] = "PLAIN_IMAGE"

    width: int = 0
    height: int = 0
    thumbnail: str | None = None

    def check(self) -> None:
        """Raise ContentError as :meth:`Media.check`, or if it has no width or height."""
        super().check()
        check_positive("width", self.width)
        check_positive("height", self.height)


class Video(Media, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_VIDEO`` [S]. ``thumbnail`` is a picture from it, in base64."""

    CATEGORY: ClassVar[str] = "PLAIN_VIDEO"

    width: int = 0
    height: int = 0
    duration: int = 0
    thumbnail: str | None = None

    def check(self) -> None:
        """Raise ContentError as :meth:`Image.check`, or if the duration is negative."""
        super().check()
        check_positive("width", self.width)
        check_positive("height", self.height)
        check_not_negative("duration", self.duration)


class Audio(Media, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_AUDIO`` [D]. ``waveform`` is base64 of loudness levels, one byte each."""

    CATEGORY: ClassVar[str] = "PLAIN_AUDIO"
    ALIASES: ClassVar[dict[str, str]] = {"wave_form": "waveform"}

    duration: int = 0
    waveform: str | None = None

    def check(self) -> None:
        """Raise ContentError as :meth:`Media.check`, or if the duration is negative."""
        super().check()
        check_not_negative("duration", self.duration)


class File(Media, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_DATA``: a file with a name [S]."""

    CATEGORY: ClassVar[str] = "PLAIN_DATA"

    name: str = ""

    def check(self) -> None:
        """Raise ContentError as :meth:`Media.check`, or if it has no name."""
        super().check()
        check_length("name", self.name, 1, FILE_NAME_LENGTH)


class Sticker(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """``PLAIN_STICKER``: by ``sticker_id`` [D], or in older messages by name and album [S]."""

    CATEGORY: ClassVar[str] = "PLAIN_STICKER"

    sticker_id: str | None = None
    name: str | None = None
    album_id: str | None = None

    def check(self) -> None:
        """Raise ContentError unless it is named in one of the two ways."""
        if self.sticker_id is not None:
            check_id("sticker_id", self.sticker_id)
        elif self.name is None or self.album_id is None:
            raise ContentError("sticker_id: is missing; give it, or name and album_id")

    def check_read(self) -> None:
        """Raise ContentError unless it is named in some way."""
        if self.sticker_id is None and self.name is None:
            raise ContentError("sticker_id: is missing")


def _check_base64(field: str, text: str | None, size: int) -> None:
    if text is None:
        return
    try:
        found = len(decode_base64(text))
    except ContentError as error:
        raise ContentError(f"{field}: {error}") from None
    if found != size:
        raise ContentError(f"{field}: holds {found} bytes; it should be {size}")
