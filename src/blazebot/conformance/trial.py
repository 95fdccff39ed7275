"""What one check is tried with: a bot, and whoever else it needs."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from blazebot.conformance.person import Person
from blazebot.conformance.raw_bot import RawBot
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import PLAIN_TEXT
from blazebot.wire.ids import contact_conversation_id

__all__ = ["WORDS", "Trial", "new_id"]

WORDS: Final = "Blazebot conformance check"
"""The text of every message: whoever gets one may wonder."""


def new_id() -> str:
    """Return a fresh UUID."""
    return str(uuid4())


class Trial:
    """The bot that is tried, and who else takes part.

    What a check has not said that it needs is not there: RuntimeError.
    """

    def __init__(
        self,
        bot: RawBot,
        *,
        peer: RawBot | None = None,
        person: Person | None = None,
        recipient_id: str | None = None,
    ) -> None:
        self.bot = bot
        self._peer = peer
        self._person = person
        self._recipient_id = recipient_id

    @property
    def peer(self) -> RawBot:
        """A second bot."""
        if self._peer is None:
            raise RuntimeError("the check does not say that it needs a second bot")
        return self._peer

    @property
    def person(self) -> Person:
        """A person on the other side."""
        if self._person is None:
            raise RuntimeError("the check does not say that it needs a person")
        return self._person

    @property
    def recipient_id(self) -> str:
        """Whom the bot may write to; the conversation is there."""
        if self._recipient_id is None:
            raise RuntimeError("the check does not say that it needs a recipient")
        return self._recipient_id

    @property
    def conversation_id(self) -> str:
        """The conversation with the recipient."""
        return contact_conversation_id(self.bot.user_id, self.recipient_id)

    def draft(self, words: str = WORDS, **fields: Any) -> dict[str, Any]:
        """Return a request to send a text to the recipient; ``fields`` replace its own."""
        return {
            "conversation_id": self.conversation_id,
            "recipient_id": self.recipient_id,
            "message_id": new_id(),
            "category": PLAIN_TEXT,
            "data_base64": encode_base64(words.encode()),
            **fields,
        }
