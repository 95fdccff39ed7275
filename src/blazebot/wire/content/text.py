"""Content that is text."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from blazebot.errors import ContentError
from blazebot.wire.content.base import Content

PLAIN_TEXT: Final = "PLAIN_TEXT"


class _Utf8(Content, frozen=True):
    text: str

    def encode(self, message_id: str = "") -> bytes:
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
    def decode(cls, raw: bytes) -> Self:
        """Return the content of UTF-8 bytes.

        Raises:
            ContentError: ``raw`` is not UTF-8.
        """
        try:
            return cls(raw.decode())
        except UnicodeDecodeError as error:
            raise ContentError(f"text is not UTF-8 at byte {error.start}") from None


class Text(_Utf8, frozen=True):
    """``PLAIN_TEXT``: text as it is [S]."""

    CATEGORY: ClassVar[str] = PLAIN_TEXT


class Post(_Utf8, frozen=True):
    """``PLAIN_POST``: ``text`` is Markdown [S]."""

    CATEGORY: ClassVar[str] = "PLAIN_POST"
