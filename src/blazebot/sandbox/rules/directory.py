"""Who there is: people, bots, sessions, and the conversations they are in (section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blazebot.errors import KeystoreError
from blazebot.keys.issue import Issued, issue_keystore
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.encryption import Encryption
from blazebot.sandbox.rules.refusals import bad_field, forbidden, not_found
from blazebot.sandbox.storage.rows import (
    BOT,
    CONTACT,
    GROUP,
    PERSON,
    Conversation,
    Participant,
    Session,
    User,
)
from blazebot.sandbox.storage.store import Store
from blazebot.wire.ids import contact_conversation_id, group_conversation_id
from blazebot.wire.limits import PARTICIPANTS_LIMIT

__all__ = ["Directory", "check_group_texts"]

_FIRST_NUMBERS = {PERSON: 1_000_001, BOT: 7_000_100_001}
"""Identity numbers as the service gives them: bots' begin with 7000."""

_NAME_LENGTH: Final = 512
"""Characters of a group's name [D]."""

_ANNOUNCEMENT_LENGTH: Final = 1024
"""Characters of a group's announcement [D]."""


_contact_id = lru_cache(16_384)(contact_conversation_id)


class Directory:
    """People, bots, sessions and conversations.

    ``on_group`` is called with each new group.
    """

    def __init__(
        self,
        store: Store,
        clocks: Clocks,
        encryption: Encryption,
        *,
        on_group: Callable[[Conversation], None],
    ) -> None:
        self._store = store
        self._clocks = clocks
        self._encryption = encryption
        self._on_group = on_group

    def person(self, person_id: str) -> User:
        """Return a person.

        Raises:
            ServiceError: 404, there is none with this id.
        """
        user = self._store.user(person_id.lower())
        if user is None or user.is_bot:
            raise not_found(f"there is no person {person_id}")
        return user

    def bot(self, bot_id: str) -> User:
        """Return a bot; raises as :meth:`person`."""
        user = self._store.user(bot_id.lower())
        if user is None or not user.is_bot:
            raise not_found(f"there is no bot {bot_id}")
        return user

    def create_person(self, name: str) -> User:
        """Create a person, with a session; an empty name is made up."""
        return self._create(PERSON, name)

    def create_bot(self, name: str) -> User:
        """Create a bot, which has no session yet; an empty name is made up."""
        return self._create(BOT, name)

    def _create(self, kind: str, name: str) -> User:
        number = self._store.last_user_number()
        user = User(
            user_id=new_id(),
            kind=kind,
            full_name=name or f"{kind.capitalize()} {number + 1}",
            identity_number=str(_FIRST_NUMBERS[kind] + number),
            created_at=self._clocks.now(),
            session_id="",
            code_id=new_id(),
        )
        self._store.add_user(user)
        if kind == PERSON:
            self._encryption.open_session(user.user_id, user.created_at)
        return user

    def delete(self, bot: User) -> None:
        """Delete a bot and end its session; it stays in its conversations as somebody who was."""
        now = self._clocks.now()
        self._store.end_sessions(bot.user_id, now)
        self._store.delete_user(bot.user_id, now)

    def issue_session(self, bot: User, form: str) -> Issued:
        """Give a bot a new session, which ends its live one; the private key is not kept.

        Raises:
            ServiceError: 10002, there is no such form of a keystore.
        """
        session_id = new_id()
        try:
            issued = issue_keystore(form, bot.user_id, session_id)
        except KeystoreError as error:
            raise bad_field("form", str(error)) from None
        der = issued.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        curve_public_key = issued.curve_public_key or ""
        now = self._clocks.now()
        self._store.end_sessions(bot.user_id, now)
        self._store.add_session(Session(session_id, bot.user_id, der, curve_public_key, now, None))
        return issued

    def open_session(self, person: User, *, readable: bool, keep: bool) -> Session:
        """Give a person a new session; unless ``keep``, it ends those that they have.

        Unless ``readable`` it has no key: it cannot read encrypted messages.
        """
        now = self._clocks.now()
        if not keep:
            self._store.end_sessions(person.user_id, now)
        return self._encryption.open_session(person.user_id, now, readable=readable)

    def live_sessions(self, conversation: Conversation) -> list[Session]:
        """Return the live sessions of a conversation's participants."""
        return self.sessions_of(conversation.participants)

    def sessions_of(self, user_ids: Iterable[str]) -> list[Session]:
        """Return the live sessions of users; unknown ones have none."""
        return [session for id_ in user_ids for session in self._store.live_sessions(id_)]

    def conversation_of(self, user_id: str, conversation_id: str) -> Conversation:
        """Return a conversation that the user is in.

        Raises:
            ServiceError: 403, there is none, or they are not in it.
        """
        conversation = self._store.conversation(conversation_id)
        if conversation is None or user_id not in conversation.participants:
            raise forbidden(f"{user_id} is in no conversation {conversation_id}")
        return conversation

    def contact(self, creator: User, other: User) -> Conversation:
        """Return the conversation of two users, created if it is not there.

        Raises:
            ServiceError: 10002, the two are one.
        """
        if creator.user_id == other.user_id:
            raise bad_field("user_id", "a conversation is with somebody else")
        conversation_id = _contact_id(creator.user_id, other.user_id)
        found = self._store.conversation(conversation_id)
        return found or self._open(conversation_id, CONTACT, creator, [other])

    def group(
        self,
        creator: User,
        participant_ids: Sequence[str],
        *,
        name: str,
        announcement: str = "",
        conversation_id: str = "",
        random_id: str = "",
    ) -> Conversation:
        """Return a group, created if it is not there.

        Its id is ``conversation_id``, which must be the derived one where ``random_id`` is given;
        without it an id is derived.

        Raises:
            ServiceError: 10002: a participant is unknown, there are too many, a text is too long,
                or the id is not the derived one; 403: a group of another creator has this id, or
                its creator has left it.
        """
        check_group_texts(name, announcement)
        others = {user_id.lower(): None for user_id in participant_ids}  # once each, in order
        others.pop(creator.user_id, None)
        users = [self._store.user(user_id) for user_id in others]
        participants = [user for user in users if user is not None]
        if len(participants) < len(others):
            missing = next(id_ for id_, user in zip(others, users, strict=True) if user is None)
            raise bad_field("participants", f"there is no user {missing}")
        if len(participants) + 1 > PARTICIPANTS_LIMIT:
            raise bad_field("participants", f"a group has at most {PARTICIPANTS_LIMIT}")
        if random_id or not conversation_id:
            derived = group_conversation_id(creator.user_id, name, others, random_id or new_id())
            if conversation_id not in ("", derived):
                raise bad_field("conversation_id", f"should be {derived}, derived from random_id")
            conversation_id = derived
        found = self._store.conversation(conversation_id)
        if found is None:
            return self._open(
                conversation_id, GROUP, creator, participants, name=name, announcement=announcement
            )
        if found.creator_id != creator.user_id or found.category != GROUP:
            raise forbidden("this conversation_id is taken")
        if creator.user_id not in found.participants:
            raise forbidden("its creator has left the group")
        return found

    def _open(
        self,
        conversation_id: str,
        category: str,
        creator: User,
        others: Sequence[User],
        *,
        name: str = "",
        announcement: str = "",
    ) -> Conversation:
        now, joined = self._clocks.now(), self._store.position
        roles = {creator.user_id: "OWNER"} if category == GROUP else {}
        participants = {
            user.user_id: Participant(
                user.user_id, user.kind, roles.get(user.user_id, ""), joined, now
            )
            for user in (creator, *others)
        }
        conversation = Conversation(
            conversation_id,
            category,
            creator.user_id,
            name,
            announcement,
            now,
            participants,
            code_id=new_id(),
        )
        self._store.add_conversation(conversation)
        if category == GROUP:
            self._on_group(conversation)
        return conversation


def check_group_texts(name: str, announcement: str) -> None:
    """Check what a group is called and what it announces.

    Raises:
        ServiceError: 10002, one of them is too long.
    """
    limits = ("name", name, _NAME_LENGTH), ("announcement", announcement, _ANNOUNCEMENT_LENGTH)
    for field, text, limit in limits:
        if len(text) > limit:
            raise bad_field(field, f"should have at most {limit} characters")
