"""What every content is, and how JSON becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from blazebot.errors import ContentError

# msgspec lets the last two escape beside its own errors.
_JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


J = TypeVar("J", bound="JsonContent")


class Content(msgspec.Struct, frozen=True):
    """What every content is. ``CATEGORY`` is its name on the wire, ``category`` too."""

    CATEGORY: ClassVar[str] = ""
    SENDABLE: ClassVar[bool] = True
    """Whether a bot may send it: what the service itself says, it may not [A]."""

    @property
    def category(self) -> str:
        """Its category on the wire, such as ``PLAIN_TEXT``."""
        return self.CATEGORY

    def check(self) -> None:
        """Raise ContentError, naming field and limit, if it would be refused."""

    def encode(self, message_id: str = "") -> bytes:
        """Return the bytes that go into base64 on the wire, in the message with this id.

        Raises:
            ContentError: the content cannot be sent; the message names the field and its limit.
        """
        raise NotImplementedError

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the content that these bytes hold.

        Raises:
            ContentError: they do not fit the category.
        """
        raise NotImplementedError


class Unknown(Content, frozen=True):
    """Content of a category that has no struct: its bytes, untouched."""

    name: str
    """The category, as the service named it."""
    raw: bytes

    @property
    def category(self) -> str:
        """Its category on the wire."""
        return self.name

    def encode(self, message_id: str = "") -> bytes:
        """Return the bytes as they are."""
        return self.raw


class Invalid(Content, frozen=True):
    """Content that does not fit its category: the bytes as they came, and why they do not fit.

    ``raw`` is what the base64 held, or, where that itself is malformed, its text in UTF-8.
    """

    SENDABLE: ClassVar[bool] = False

    name: str
    """The category that it claims to be."""
    raw: bytes
    reason: str

    @property
    def category(self) -> str:
        """The category that it claims to be."""
        return self.name


class JsonContent(Content, frozen=True):
    """Content that is one JSON object whose fields are the struct's.

    Reading, absent, empty and null mean the same [C], ``ALIASES`` are other spellings in use, and
    numbers may be text. Writing, what is absent is left out.
    """

    ALIASES: ClassVar[dict[str, str]] = {}

    def check_read(self) -> None:
        """Raise ContentError if what was read makes no sense, though its shape fits."""

    def encode(self, message_id: str = "") -> bytes:
        """Return the content as JSON; raises as :meth:`Content.encode`."""
        self.check()
        return write_json(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Return the content of a JSON object; raises as :meth:`Content.decode`."""
        return read_object(read_json(raw), cls)


def repr_without(content: Content, secrets: Sequence[str]) -> str:
    """Return what ``repr`` shows of a content: what is set, without these fields."""
    shown = (
        f"{name}={value!r}"
        for name, value in msgspec.structs.asdict(content).items()
        if value is not None and name not in secrets
    )
    return f"{type(content).__name__}({', '.join(shown)})"


def write_json(value: Any) -> bytes:
    """Return ``value`` as JSON; raises ContentError where it is no valid Unicode."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ContentError("text has lone surrogates; pass text that is valid Unicode") from None


def read_json(raw: bytes) -> Any:
    """Return the value of JSON bytes; raises ContentError if they are not."""
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise ContentError("JSON is nested too deeply") from None
    except _JSON_ERRORS as error:
        raise ContentError(f"not JSON: {error}") from None


def read_object(value: Any, kind: type[J]) -> J:
    """Return a decoded JSON object as ``kind``; raises ContentError if it does not fit."""
    if not isinstance(value, dict):
        raise ContentError(f"should be a JSON object, not {_name(value)}")
    fields = {
        kind.ALIASES.get(name, name): content
        for name, content in value.items()
        if content is not None and content != ""
    }
    try:
        content = msgspec.convert(fields, kind, strict=False)
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        # The last two escape where a number is no time that a datetime can hold.
        raise ContentError(str(error)) from None
    content.check_read()
    return content


def _name(value: Any) -> str:
    return {list: "a list", str: "a string", type(None): "null"}.get(type(value), "a number")
