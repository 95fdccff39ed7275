"""What people write: messages of all categories, made up from a seed. Pure."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import (
    ButtonGroup,
    Content,
    Location,
    Pin,
    Recall,
    Text,
    Transcript,
    Unknown,
)
from soak.checker import Conversation, QuestionIds, digest_of
from tests.contents import EXAMPLES

__all__ = ["Author", "Written", "varied"]

TEXTS: Final = 0.4
"""Of all messages; the others are of all other categories alike."""

GROUPS: Final = 0.1
"""Of all messages that are no burst."""

_NEW: Final = "PLAIN_SOMETHING_NEW"

_VARIED: Final = ("attachment_id", "sticker_id", "user_id", "name", "text", "description", "url")
"""Fields of contents of which the first that one has is another in each message."""


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
        self._others = [one for kind, one in EXAMPLES.items() if kind is not Text]
        self._others.append(Unknown(_NEW, b"\x00\xff any bytes"))

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
        can_be_encrypted = content.category.startswith("PLAIN_") and content.category != _NEW
        encrypted = can_be_encrypted and chance.random() < encrypted_share
        return self._written(conversation, content, encrypted=encrypted)

    def _content(self, conversation: Conversation) -> Content:
        chance = self._chance
        if chance.random() < TEXTS:
            return Text(f"hello {chance.random()}")
        place = chance.randrange(len(self._others) + 2)
        if place < len(self._others):
            return varied(self._others[place], chance)
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


def varied(content: Content, chance: random.Random) -> Content:
    """Return a content of the same kind that no other message has, so that a swap shows."""
    number = f"{chance.getrandbits(64)}"
    match content:
        case Unknown():
            return Unknown(content.category, b"\x00\xff any bytes " + number.encode())
        case ButtonGroup(buttons=(first, *_)):
            return ButtonGroup((replace(first, label=number),))
        case Transcript(items=(first, *_)):
            return Transcript((replace(first, content=number),))
    name = next(one for one in _VARIED if one in content.__struct_fields__)
    value = number
    if name.endswith("_id"):
        value = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    elif name == "url":
        value = f"https://a.example/{number}"
    return replace(content, **{name: value})
