"""What the control API can do, whether it is asked by HTTP or on its socket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from blazebot.sandbox.authority import Authority
from blazebot.sandbox.blaze import Blaze
from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.control_requests import NewUser, PersonMessage
from blazebot.sandbox.service import Service
from blazebot.sandbox.store import User
from blazebot.sandbox.views import user_document
from blazebot.wire.messages import READ

__all__ = ["Actions", "Sent"]


class Sent(Struct):
    """A person's message as it was taken; a repeat of its id finds the first."""

    message_id: str
    conversation_id: str
    seq: int
    created_at: str


class Actions:
    """Acts for people and asks after bots. What it returns is shown only after the commit."""

    def __init__(self, service: Service, blaze: Blaze, authority: Authority) -> None:
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._blaze = blaze
        self._authority = authority

    def create_person(self, new: NewUser) -> dict[str, Any]:
        """Create a person and return their document."""
        return user_document(self._directory.create_person(new.full_name))

    def befriend(self, person_id: str, bot_id: str) -> dict[str, Any]:
        """Add a bot to a person's friends; the first time the bot gets the hello."""
        person, bot = self._directory.person(person_id), self._directory.bot(bot_id)
        conversation, added = self._service.befriend(person, bot)
        return {"conversation_id": conversation.conversation_id, "added": added}

    def send(self, person_id: str, message: PersonMessage) -> Sent:
        """Send what a person wrote."""
        person = self._directory.person(person_id)
        sent = self._service.send_as_person(person, message.draft())
        return Sent(sent.message_id, sent.conversation_id, sent.seq, timestamp(sent.created_at))

    def read(self, person_id: str, message_ids: Iterable[str]) -> None:
        """Mark messages read for a person; unknown and own ones are passed over."""
        person = self._directory.person(person_id)
        for message_id in message_ids:
            self._service.acknowledge(person.user_id, message_id, READ)

    def bot_document(self, bot: User) -> dict[str, Any]:
        """Return a bot and how it is doing.

        ``pending`` counts what it has not acknowledged, ``unacknowledged`` how many of these were
        pushed on the connection that it has now.
        """
        line = self._service.lines.get(bot.user_id)
        return user_document(bot) | {
            "session_id": bot.session_id,
            "connected": line is not None,
            "connections": self._blaze.handshakes[bot.user_id],
            "pending": self._store.count_pending(bot.user_id, up_to=self._store.position),
            "unacknowledged": 0 if line is None else line.unacknowledged,
            "repeated_tokens": self._authority.repeated_tokens[bot.user_id],
            "wrong_signatures": self._authority.wrong_signatures[bot.user_id],
        }
