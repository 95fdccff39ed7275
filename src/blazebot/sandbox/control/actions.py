"""What the control API can do, whether it is asked by HTTP or on its socket."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import asdict

from blazebot.sandbox.blaze.endpoint import Blaze
from blazebot.sandbox.clocks import time_or_unset, timestamp
from blazebot.sandbox.control.answers import (
    BotDocument,
    ConversationDocument,
    FriendDocument,
    OpenedSession,
    ParticipantDocument,
    Sent,
    Transferred,
    UserDocument,
    sent,
    session_document,
    user_document,
)
from blazebot.sandbox.control.requests import NewPersonSession, NewUser, PersonMessage
from blazebot.sandbox.impersonation.authority import Authority
from blazebot.sandbox.rules.oauth import OAuth
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.transfers import NewTransfer, transfer_document
from blazebot.sandbox.storage.rows import CONTACT, Conversation, User
from blazebot.wire.codec import encode_json
from blazebot.wire.messages import READ

__all__ = ["Actions"]


class Actions:
    """Acts for people and asks after bots. What it returns is shown only after the commit."""

    def __init__(self, service: Service, blaze: Blaze, authority: Authority, oauth: OAuth) -> None:
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._blaze = blaze
        self._authority = authority
        self._oauth = oauth

    def create_person(self, new: NewUser) -> UserDocument:
        """Create a person."""
        return user_document(self._directory.create_person(new.full_name))

    def befriend(self, person_id: str, bot_id: str) -> FriendDocument:
        """Add a bot to a person's friends; the first time the bot gets the hello."""
        person, bot = self._directory.person(person_id), self._directory.bot(bot_id)
        conversation, added = self._service.befriend(person, bot)
        return FriendDocument(conversation.conversation_id, added)

    def send(self, person_id: str, message: PersonMessage) -> Sent:
        """Send what a person wrote."""
        person = self._directory.person(person_id)
        return sent(
            self._service.send_as_person(
                person, message.draft(), encrypted=message.encrypted, unchecked=message.unchecked
            )
        )

    def transfer(self, person_id: str, new: NewTransfer) -> Transferred:
        """Let a person pay a bot; return what the bot was told, and where."""
        payer, payee = self._directory.person(person_id), self._directory.bot(new.bot_id)
        document = transfer_document(new, payer, payee, self._service.clocks.now())
        told = self._service.tell_of_transfer(payer, payee, new.category, encode_json(document))
        return Transferred(**asdict(sent(told)), category=told.category, transfer=document)

    def open_session(self, person_id: str, new: NewPersonSession) -> OpenedSession:
        """Give a person a new session; return it, and all that they have now."""
        person = self._directory.person(person_id)
        opened = self._directory.open_session(person, readable=new.public_key, keep=new.keep)
        live = self._directory.sessions_of([person.user_id])
        return OpenedSession(
            **asdict(session_document(opened)), sessions=[session_document(one) for one in live]
        )

    def read(self, person_id: str, message_ids: Iterable[str]) -> None:
        """Mark messages read for a person; unknown and own ones are passed over."""
        person = self._directory.person(person_id)
        for message_id in message_ids:
            self._service.deliveries.acknowledge(person.user_id, message_id, READ)

    def conversation_document(
        self, conversation: Conversation, person_id: str = ""
    ) -> ConversationDocument:
        """Return a conversation as a person sees it: one of two has the other's name."""
        users = [
            self._store.user(user_id) or self._store.deleted_user(user_id)
            for user_id in conversation.participants
        ]
        viewer = conversation.participants.get(person_id)
        name = conversation.name
        if conversation.category == CONTACT:
            names = [user.full_name for user in users if user and user.user_id != person_id]
            name = ", ".join(names)
        return ConversationDocument(
            conversation_id=conversation.conversation_id,
            category=conversation.category,
            creator_id=conversation.creator_id,
            name=name,
            announcement=conversation.announcement,
            created_at=timestamp(conversation.created_at),
            code_id=conversation.code_id,
            expire_in=conversation.expire_in,
            mute_until=time_or_unset(viewer.mute_until if viewer else 0),
            participants=[
                ParticipantDocument(
                    **asdict(user_document(user)), role=conversation.participants[user.user_id].role
                )
                for user in users
                if user
            ],
        )

    def bot_document(self, bot: User) -> BotDocument:
        """Return a bot and how it is doing."""
        line = self._service.deliveries.lines.get(bot.user_id)
        return BotDocument(
            **asdict(user_document(bot)),
            session_id=bot.session_id,
            redirect_uri=self._oauth.app(bot.user_id).redirect_uri,
            connected=line is not None,
            connections=self._blaze.handshakes[bot.user_id],
            pending=self._store.messages.count_pending(bot.user_id, up_to=self._store.position),
            unacknowledged=0 if line is None else line.unacknowledged,
            repeated_tokens=self._authority.repeated_tokens[bot.user_id],
            wrong_signatures=self._authority.wrong_signatures[bot.user_id],
            quota_used=self._service.quota_used(bot.user_id),
            quota=self._service.settings.quota,
            sent=self._service.sent[bot.user_id],
            pushed=self._service.deliveries.pushed[bot.user_id],
        )
