"""A message as a person in a test sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from blazebot.errors import SandboxError
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import Button, ButtonGroup, Card, Content, Post, Text, decode_bytes

__all__ = ["SeenMessage"]

C_co = TypeVar("C_co", bound=Content, covariant=True)

_ENCRYPTED = "ENCRYPTED_"
_PLAIN = "PLAIN_"


class SeenMessage(Generic[C_co]):
    """A message as a person sees it now: when its status changes, or it is recalled, so does this.

    ``snapshots`` are those of the person, by message id.
    """

    def __init__(self, snapshots: Mapping[str, Mapping[str, Any]], message_id: str) -> None:
        self._snapshots = snapshots
        self.id = message_id

    def __repr__(self) -> str:
        return f"<SeenMessage {self.category} {shorten(self.content)} ({', '.join(self.notes)})>"

    @property
    def _now(self) -> Mapping[str, Any]:
        return self._snapshots[self.id]

    @property
    def content(self) -> C_co:
        """What it holds, as the person's client has decrypted it."""
        category = self.category
        if category.startswith(_ENCRYPTED):
            category = _PLAIN + category.removeprefix(_ENCRYPTED)
        return cast(C_co, decode_bytes(category, decode_base64(self._now["data_base64"])))

    @property
    def text(self) -> str:
        """The words of a text or post.

        Raises:
            SandboxError: it is neither, or they are gone.
        """
        content = self.content
        if not isinstance(content, Text | Post) or self.is_recalled:
            raise SandboxError(f"this message has no text: {self!r}")
        return content.text

    @property
    def buttons(self) -> tuple[Button, ...]:
        """The buttons of a button group or card; none of anything else."""
        content: Content = self.content
        if isinstance(content, ButtonGroup):
            return content.buttons
        return content.actions if isinstance(content, Card) else ()

    @property
    def category(self) -> str:
        """Its category as it came, such as ``PLAIN_TEXT``."""
        return str(self._now["category"])

    @property
    def conversation_id(self) -> str:
        """The conversation that it stands in."""
        return str(self._now["conversation_id"])

    @property
    def user_id(self) -> str:
        """Who sent it."""
        return str(self._now["user_id"])

    @property
    def status(self) -> str:
        """``SENT``, ``DELIVERED`` or ``READ``.

        For its sender, how far it came with the others; else how far it came with the person.
        """
        return str(self._now["status"])

    @property
    def quote_message_id(self) -> str | None:
        """The message that it quotes, or None."""
        return self._now["quote_message_id"] or None

    @property
    def representative_id(self) -> str | None:
        """On whose behalf it was sent, or None."""
        return self._now["representative_id"] or None

    @property
    def mentions(self) -> tuple[str, ...]:
        """The ids of the users whom it mentions."""
        return tuple(self._now["mentions"])

    @property
    def expire_in(self) -> int:
        """Seconds after which it disappears once read; 0 if it stays."""
        return int(self._now["expire_in"])

    @property
    def is_silent(self) -> bool:
        """Whether it came without a notification."""
        return bool(self._now["silent"])

    @property
    def is_encrypted(self) -> bool:
        """Whether it came encrypted."""
        return bool(self._now["encrypted"])

    @property
    def is_recalled(self) -> bool:
        """Whether it was taken back: its content is gone then."""
        return bool(self._now["recalled"])

    @property
    def is_pinned(self) -> bool:
        """Whether it is pinned to the top of the conversation."""
        return bool(self._now["pinned"])

    @property
    def has_disappeared(self) -> bool:
        """Whether it has disappeared, as ``expire_in`` said: its content is gone then."""
        return bool(self._now["disappeared"])

    @property
    def created_at(self) -> datetime:
        """When the service took it, in UTC."""
        return datetime.fromisoformat(self._now["created_at"]).astimezone(UTC)

    @property
    def position(self) -> int:
        """Where it stands among all messages: later ones have greater numbers."""
        return int(self._now["seq"])

    @property
    def notes(self) -> list[str]:
        """What there is to say of it beside its content, in words."""
        said = {
            "encrypted": self.is_encrypted,
            f"cannot be decrypted: {self._now['undecryptable']}": self._now["undecryptable"],
            "recalled": self.is_recalled,
            "pinned": self.is_pinned,
            "disappeared": self.has_disappeared,
            "quotes": self.quote_message_id,
        }
        return [self.status, *(words for words, holds in said.items() if holds)]


def shorten(content: Content, limit: int = 120) -> str:
    """Return a content in at most ``limit`` characters, for people to read."""
    words = repr(content.text) if isinstance(content, Text) else repr(content)
    return words if len(words) <= limit else words[: limit - 4] + " ..."
