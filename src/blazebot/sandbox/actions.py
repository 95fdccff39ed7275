"""What the control API can do, whether it is asked by HTTP or on its socket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from blazebot.sandbox.authority import Authority
from blazebot.sandbox.blaze import Blaze
from blazebot.sandbox.clocks import time_or_unset, timestamp
from blazebot.sandbox.control_requests import NewPersonSession, NewUser, PersonMessage
from blazebot.sandbox.service import Service
from blazebot.sandbox.store import CONTACT, Conversation, Session, StoredMessage, User
from blazebot.sandbox.transfers import NewTransfer, transfer_document
from blazebot.sandbox.views import user_document
from blazebot.wire.codec import encode_json
from blazebot.wire.messages import READ

__all__ = ["Actions", "Sent"]


class Sent(Struct):
    """A person's message as it was taken; a repeat of its id finds the first."""

    message_id: str
    conversation_id: str
    seq: int
    created_at: str


def _sent(message: StoredMessage) -> Sent:
    return Sent(
        message.message_id, message.conversation_id, message.seq, timestamp(message.created_at)
    )


def _session_document(session: Session) -> dict[str, Any]:
    return {"session_id": session.session_id, "public_key": session.curve_public_key}


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
        sent = self._service.send_as_person(
            person, message.draft(), encrypted=message.encrypted, unchecked=message.unchecked
        )
        return _sent(sent)

    def transfer(self, person_id: str, new: NewTransfer) -> dict[str, Any]:
        """Let a person pay a bot; return what the bot was told, and where."""
        payer, payee = self._directory.person(person_id), self._directory.bot(new.bot_id)
        document = transfer_document(new, payer, payee, self._service.clocks.now())
        told = self._service.tell_of_transfer(payer, payee, new.category, encode_json(document))
        return asdict(_sent(told)) | {"category": told.category, "transfer": document}

    def open_session(self, person_id: str, new: NewPersonSession) -> dict[str, Any]:
        """Give a person a new session; return it, and all that they have now."""
        person = self._directory.person(person_id)
        opened = self._directory.open_session(person, readable=new.public_key, keep=new.keep)
        live = self._directory.sessions_of([person.user_id])
        return _session_document(opened) | {"sessions": [_session_document(one) for one in live]}

    def read(self, person_id: str, message_ids: Iterable[str]) -> None:
        """Mark messages read for a person; unknown and own ones are passed over."""
        person = self._directory.person(person_id)
        for message_id in message_ids:
            self._service.acknowledge(person.user_id, message_id, READ)

    def conversation_document(
        self, conversation: Conversation, person_id: str = ""
    ) -> dict[str, Any]:
        """Return a conversation as a person sees it: one of two has the other's name."""
        users = [self._store.user(user_id) for user_id in conversation.participants]
        viewer = conversation.participants.get(person_id)
        name = conversation.name
        if conversation.category == CONTACT:
            names = [user.full_name for user in users if user and user.user_id != person_id]
            name = ", ".join(names)
        return {
            "conversation_id": conversation.conversation_id,
            "category": conversation.category,
            "creator_id": conversation.creator_id,
            "name": name,
            "announcement": conversation.announcement,
            "created_at": timestamp(conversation.created_at),
            "code_id": conversation.code_id,
            "expire_in": conversation.expire_in,
            "mute_until": time_or_unset(viewer.mute_until if viewer else 0),
            "participants": [
                user_document(user) | {"role": conversation.participants[user.user_id].role}
                for user in users
                if user
            ],
        }

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
