"""What people see: each message as it is for one of them, now and whenever it changes."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NamedTuple

from msgspec import Struct, structs

from blazebot.errors import DecryptionError
from blazebot.sandbox.rules.deliveries import Deliveries
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.encryption import ENCRYPTED, Encryption
from blazebot.sandbox.rules.refusals import forbidden
from blazebot.sandbox.rules.views import STATUS_NAMES, Snapshot, snapshot
from blazebot.sandbox.storage.rows import Conversation, StoredMessage, User
from blazebot.sandbox.storage.store import Store
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import Post, Text

__all__ = ["Found", "Glance", "Sighting", "Sightings"]

_PAGE: Final = 500
"""Messages that one glance goes over."""

_SEARCHED: Final = 2000
"""Messages that one search goes over."""

_PINS: Final = 100
"""Pinned messages that are shown of a conversation."""

_WORDS: Final = tuple(
    prefix + kind.CATEGORY.removeprefix("PLAIN_")
    for kind in (Text, Post)
    for prefix in ("PLAIN_", ENCRYPTED)
)
"""Categories whose content is words, and nothing else."""


class Sighting(Struct):
    """A person sees a message, as it is at position ``cursor``."""

    cursor: int
    person_id: str
    message: Snapshot


class Glance(NamedTuple):
    """What people saw; ``cursor`` is where to go on, ``ended`` whether that is the end."""

    sightings: list[Sighting]
    cursor: int
    ended: bool


class Found(NamedTuple):
    """What a search found, the newest first; ``more`` may be found before the seq ``before``."""

    messages: list[Snapshot]
    before: int
    more: bool


class _Read(NamedTuple):
    """What a person reads in an encrypted message, or why not; None if it is not encrypted."""

    plaintext: bytes | None
    failure: str = ""


class Sightings:
    """Looks for people. What they had not received becomes DELIVERED by it, and is seen as such."""

    def __init__(
        self, store: Store, directory: Directory, deliveries: Deliveries, encryption: Encryption
    ) -> None:
        self._store = store
        self._directory = directory
        self._deliveries = deliveries
        self._encryption = encryption

    def look(self, people: Container[str], *, after: int, limit: int, received: set[int]) -> Glance:
        """Return what changed for these people after a position, in about ``limit`` sightings.

        What becomes DELIVERED moves to a later position, where the same viewer need not see it
        again: these positions are kept in ``received``, which a viewer passes from one look to the
        next. A glance goes over a bounded number of messages, so look again from its cursor until
        it ended.
        """
        sightings: list[Sighting] = []
        cursor = after
        page = self._store.messages.changes(after, _PAGE)
        for message in page:
            if len(sightings) >= limit:
                break
            cursor = message.changed
            if cursor in received:
                received.remove(cursor)
            else:
                sightings += self._see(message, people, received)
        if not page:
            received.clear()  # what moved once more is seen at a later position
        return Glance(sightings, cursor, not page)

    def look_back(
        self, person: User, conversation_id: str, *, before: int, limit: int
    ) -> list[Snapshot]:
        """Return the newest messages of a conversation with a seq below ``before``, in order.

        Raises:
            ServiceError: 403, the person is not in it.
        """
        conversation = self._directory.conversation_of(person.user_id, conversation_id)
        joined = conversation.participants[person.user_id].joined
        seen = []
        for message in self._store.messages.history(conversation_id, before=before, limit=limit):
            if message.seq > joined:
                moved = self._deliveries.receive(person.user_id, message, conversation)
                seen.append(self._snapshot(person.user_id, moved, conversation))
        return seen

    def newest(self, person: User, conversation_id: str) -> Snapshot | None:
        """Return the newest message of a conversation that is no recall, if there is one.

        Raises:
            ServiceError: 403, the person is not in it.
        """
        conversation = self._directory.conversation_of(person.user_id, conversation_id)
        message = self._store.messages.newest(conversation_id)
        if message is None or message.seq <= conversation.participants[person.user_id].joined:
            return None
        moved = self._deliveries.receive(person.user_id, message, conversation)
        return self._snapshot(person.user_id, moved, conversation)

    def one(self, person: User, message_id: str) -> Snapshot:
        """Return a message as a person sees it now.

        Raises:
            ServiceError: 403, there is none that they may see.
        """
        message = self._store.messages.find(message_id)
        if message is not None:
            conversation = self._store.conversation(message.conversation_id)
            viewer = conversation and conversation.participants.get(person.user_id)
            if conversation and viewer and message.seq > viewer.joined:
                return self._snapshot(person.user_id, message, conversation)
        raise forbidden(f"{person.user_id} sees no message {message_id}")

    def pinned(self, person: User, conversation_id: str) -> list[Snapshot]:
        """Return the newest pinned messages of a conversation, in order.

        Raises:
            ServiceError: 403, the person is not in it.
        """
        conversation = self._directory.conversation_of(person.user_id, conversation_id)
        joined = conversation.participants[person.user_id].joined
        return [
            self._snapshot(person.user_id, message, conversation)
            for message in self._store.messages.pinned(conversation_id, limit=_PINS)
            if message.seq > joined
        ]

    def search(
        self, person: User, conversation_id: str, words: str, *, before: int, limit: int
    ) -> Found:
        """Find texts and posts of a conversation with these words, in any case.

        A search goes over a bounded number of messages, so search on from its ``before`` while
        there is more.

        Raises:
            ServiceError: 403, the person is not in it.
        """
        conversation = self._directory.conversation_of(person.user_id, conversation_id)
        joined = conversation.participants[person.user_id].joined
        wanted, found = words.casefold(), list[Snapshot]()
        page = self._store.messages.history(conversation_id, before=before, limit=_SEARCHED)
        for message in reversed(page):
            if message.seq <= joined:
                return Found(found, message.seq, more=False)
            before = message.seq
            if message.category in _WORDS and not message.is_gone:
                seen = self._snapshot(person.user_id, message, conversation)
                if wanted in decode_base64(seen.data_base64).decode(errors="replace").casefold():
                    found.append(seen)
            if len(found) == limit:
                break
        return Found(found, before, more=bool(page))

    def _see(
        self, message: StoredMessage, people: Container[str], received: set[int]
    ) -> list[Sighting]:
        conversation = self._store.conversation(message.conversation_id)
        if conversation is None:
            return []
        viewers = [
            one.user_id
            for one in conversation.participants.values()
            if one.user_id in people and not one.is_bot and message.seq > one.joined
        ]
        seen = message
        for person_id in viewers:
            seen = self._deliveries.receive(person_id, seen, conversation)
        if seen is not message:
            received.add(seen.changed)
        alike: dict[_Read, Snapshot] = {}
        return [
            Sighting(
                message.changed, person_id, self._snapshot(person_id, seen, conversation, alike)
            )
            for person_id in viewers
        ]

    def _snapshot(
        self,
        person_id: str,
        message: StoredMessage,
        conversation: Conversation,
        alike: dict[_Read, Snapshot] | None = None,
    ) -> Snapshot:
        """Return a message as a person sees it; who sees ``alike`` shares its content in memory."""
        status = self._deliveries.status_for(person_id, message, conversation)
        read = self._read(person_id, message)
        if alike is not None and (other := alike.get(read)) is not None:
            return structs.replace(other, status=STATUS_NAMES[status])
        seen = snapshot(message, status, read.plaintext, undecryptable=read.failure)
        if alike is not None:
            alike[read] = seen
        return seen

    def _read(self, person_id: str, message: StoredMessage) -> _Read:
        if message.is_gone or not message.category.startswith(ENCRYPTED):
            return _Read(None)
        try:
            return _Read(self._encryption.decrypt(person_id, message))
        except DecryptionError as error:
            return _Read(b"", str(error))
