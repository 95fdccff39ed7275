"""What messages hold: a struct for each category, and what stands in where none fits.

A content knows its ``category`` and how to ``encode`` itself; :func:`decode_content` reads any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import msgspec

from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64

PLAIN_TEXT: Final = "PLAIN_TEXT"


class Content(msgspec.Struct, frozen=True):
    """What every content is. ``category`` is its name on the wire."""

    category: ClassVar[str] = ""

    def encode(self) -> bytes:
        """Return the bytes that go into base64 on the wire.

        Raises:
            ContentError: the content cannot be sent.
        """
        raise ContentError(f"{type(self).__name__} cannot be sent")


class Text(Content, frozen=True):
    """``PLAIN_TEXT``: text as it is [S]."""

    text: str
    category: ClassVar[str] = PLAIN_TEXT

    def encode(self) -> bytes:
        """Return the text as UTF-8.

        Raises:
            ContentError: the text has lone surrogates, which are no UTF-8.
        """
        try:
            return self.text.encode()
        except UnicodeEncodeError:
            raise ContentError(
                "text: has lone surrogates; pass text that is valid Unicode"
            ) from None

    @classmethod
    def decode(cls, raw: bytes) -> Text:
        """Return the content of UTF-8 bytes.

        Raises:
            ContentError: ``raw`` is not UTF-8.
        """
        try:
            return cls(raw.decode())
        except UnicodeDecodeError as error:
            raise ContentError(f"text is not UTF-8 at byte {error.start}") from None


class Unknown(Content, frozen=True):
    """Content of a category that has no struct: its bytes, untouched."""

    name: str
    """The category, as the service named it."""
    raw: bytes


class Invalid(Content, frozen=True):
    """Content that does not fit its category: the bytes as they came, and why they do not fit.

    ``raw`` is what the base64 held, or, where that itself is malformed, its text in UTF-8.
    """

    name: str
    """The category that it claims to be."""
    raw: bytes
    reason: str


_DECODERS: Final[dict[str, Callable[[bytes], Content]]] = {PLAIN_TEXT: Text.decode}


def decode_content(category: str, data_base64: str | None, data: str | None) -> Content:
    """Return the content of a message view; never raises.

    ``data_base64`` is preferred; where it is empty or absent, ``data`` is read [C].
    """
    text = data_base64 or data or ""
    try:
        raw = decode_base64(text)
    except ContentError as error:
        return Invalid(category, text.encode("utf-8", "surrogatepass"), str(error))
    decode = _DECODERS.get(category)
    if decode is None:
        return Unknown(category, raw)
    try:
        return decode(raw)
    except ContentError as error:
        return Invalid(category, raw, str(error))
