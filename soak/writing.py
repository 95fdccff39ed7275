"""What people write: messages of all categories, made up from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import Content, Location, Pin, Post, Recall, Text, Unknown
from soak.checker import Conversation, QuestionIds, digest_of
from tests.contents import EXAMPLES

__all__ = ["Author", "Written"]

TEXTS: Final = 0.4
"""Of all messages; the others are of all other categories alike."""

GROUPS: Final = 0.1
"""Of all messages that are no burst."""

_NEW: Final = Unknown("PLAIN_SOMETHING_NEW", b"\x00\xff any bytes")


class Written(NamedTuple):
    """A message that is about to be sent: as the control API takes it, and what is to be known."""

    person: str
    conversation: Conversation
    request: dict[str, Any]
    digest: str
    encrypted: bool
    counted: bool


class Author:
    """Writes for all people.

    ``settled`` has, by conversation, a message that is answered and read: only such ones are
    recalled and pinned, for what is recalled before it was delivered is never answered.
    """

    def __init__(
        self,
        chance: random.Random,
        conversations: Sequence[Conversation],
        ids: QuestionIds,
        settled: Mapping[str, str],
    ) -> None:
        self._chance = chance
        self._contacts = [one for one in conversations if len(one.people) == 1]
        self._groups = [one for one in conversations if len(one.people) > 1]
        self._ids = ids
        self._settled = settled
        self._numbers = [0] * len(conversations)
        self._others = [*(one for kind, one in EXAMPLES.items() if kind is not Text), _NEW]

    def text(self) -> Written:
        """Return a plain text, to the bot alone."""
        conversation = self._chance.choice(self._contacts)
        return self._written(conversation, Text(f"hello {self._chance.random()}"), encrypted=False)

    def message(self, encrypted_share: float) -> Written:
        """Return a message of any category, encrypted with this probability if it can be."""
        chance = self._chance
        somewhere = self._groups if chance.random() < GROUPS else self._contacts
        conversation = chance.choice(somewhere)
        content = self._content(conversation)
        can_be_encrypted = content.category.startswith("PLAIN_") and content is not _NEW
        encrypted = can_be_encrypted and chance.random() < encrypted_share
        return self._written(conversation, content, encrypted=encrypted)

    def _content(self, conversation: Conversation) -> Content:
        chance = self._chance
        if chance.random() < TEXTS:
            return Text(f"hello {chance.random()}")
        place = chance.randrange(len(self._others) + 2)
        if place < len(self._others):
            content = self._others[place]
            return Post(f"# {chance.random()}") if isinstance(content, Post) else content
        settled = self._settled.get(conversation.conversation_id)
        if settled is None:
            return Text("there is nothing to recall yet")
        if place == len(self._others):
            return Pin(chance.choice(("PIN", "UNPIN")), (settled,))
        return Recall(settled)

    def _written(self, conversation: Conversation, content: Content, *, encrypted: bool) -> Written:
        number = self._numbers[conversation.number]
        self._numbers[conversation.number] = number + 1
        message_id = self._ids.make(conversation.number, number)
        person = conversation.people[0]
        if len(conversation.people) > 1 and not isinstance(content, Recall | Pin):
            person = self._chance.choice(conversation.people)
        data = content.encode(message_id)
        request: dict[str, Any] = {
            "person_id": person,
            "conversation_id": conversation.conversation_id,
            "message_id": message_id,
            "category": content.category,
            "data_base64": encode_base64(data),
        }
        if encrypted:
            request["encrypted"] = True
        counted = isinstance(content, Location) and len(conversation.people) == 1
        digest = digest_of(content.category, data)
        return Written(person, conversation, request, digest, encrypted, counted)
