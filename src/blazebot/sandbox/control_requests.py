"""What the control API is asked, over HTTP and over its socket: the shapes, and nothing else."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from blazebot.errors import ContentError
from blazebot.sandbox.drafts import (
    Draft,
    new_id,
    read_base64,
    read_expire_in,
    read_mentions,
    read_optional_id,
)
from blazebot.sandbox.refusals import bad_field
from blazebot.wire.content import PLAIN_TEXT, Text
from blazebot.wire.limits import REQUEST_LIMIT

__all__ = [
    "Befriend",
    "Bot",
    "ClockChange",
    "Command",
    "CreatePeople",
    "Friend",
    "Friendship",
    "NewGroup",
    "NewPersonSession",
    "NewSession",
    "NewUser",
    "PersonMessage",
    "PersonReading",
    "Read",
    "Reading",
    "Send",
    "SentMessage",
    "Subscribe",
]

_TEN_YEARS = 10 * 366 * 24 * 3600
_Offset = Annotated[float, Meta(ge=-_TEN_YEARS, le=_TEN_YEARS)]


class NewUser(Struct):
    """A person or a bot to create; an empty name is made up."""

    full_name: str = ""


class NewSession(Struct):
    """A session to issue: ``form`` is one of ``blazebot.keys.issue.FORMS``."""

    form: str = "app"


class NewPersonSession(Struct):
    """A session for a person; without ``public_key`` it cannot read encrypted messages.

    Unless ``keep``, it ends those that the person has.
    """

    public_key: bool = True
    keep: bool = False


class Friend(Struct):
    """A bot to add to a person's friends."""

    user_id: str


class NewGroup(Struct):
    """A group to create: ``creator_id`` may be anybody, ``participants`` are the others' ids."""

    creator_id: str
    name: str = ""
    participants: list[str] = []
    announcement: str = ""


class PersonMessage(Struct):
    """What a person sends: ``text``, or ``category`` with ``data_base64``.

    It goes to ``conversation_id``, or to ``recipient_id``, with whom a conversation is made. A
    ``message_id`` is made up if absent; the same one twice is one message. ``expire_in`` is in
    seconds, ``mentions`` are user ids.

    ``encrypted``: the person's client encrypts it for all others, so that ``PLAIN_x`` becomes
    ``ENCRYPTED_x``. ``unchecked``: the content goes out however malformed it is, to see how a bot
    copes with it.
    """

    conversation_id: str | None = None
    recipient_id: str | None = None
    text: str | None = None
    category: str | None = None
    data_base64: str | None = None
    message_id: str | None = None
    quote_message_id: str | None = None
    silent: bool = False
    expire_in: int = 0
    mentions: list[str] = []
    encrypted: bool = False
    unchecked: bool = False

    def draft(self) -> Draft:
        """Return the message to be.

        Raises:
            ServiceError: 10002, a field is missing or malformed.
        """
        if self.text is not None and not self.category:
            category = PLAIN_TEXT
            try:
                data = Text(self.text).encode()
            except ContentError as error:
                raise bad_field("text", str(error)) from None
        elif self.text is None and self.category:
            category, data = self.category, read_base64("data_base64", self.data_base64)
        else:
            raise bad_field("text", "give either text, or category and data_base64")
        if len(data) > REQUEST_LIMIT and not self.unchecked:
            raise bad_field("data_base64", f"at most {REQUEST_LIMIT} bytes; send it as a file")
        if bool(self.conversation_id) == bool(self.recipient_id):
            raise bad_field("conversation_id", "give either conversation_id or recipient_id")
        return Draft(
            message_id=read_optional_id("message_id", self.message_id) or new_id(),
            conversation_id=read_optional_id("conversation_id", self.conversation_id),
            category=category,
            data=data,
            recipient_id=read_optional_id("recipient_id", self.recipient_id),
            quote_message_id=read_optional_id("quote_message_id", self.quote_message_id),
            silent=self.silent,
            expire_in=read_expire_in(self.expire_in),
            mentions=read_mentions(self.mentions),
        )


class Reading(Struct):
    """Messages that a person marks read."""

    message_ids: list[str]


class ClockChange(Struct):
    """New offsets of the clocks from the real time, in seconds; what is absent stays."""

    retention_offset: _Offset | None = None
    token_offset: _Offset | None = None


# Commands of the socket. All carry an `id`, which the answer repeats.


class _Command(Struct, tag_field="op"):
    id: str | int


class Subscribe(_Command, tag="subscribe"):
    """See what these people see, or all people if None, that changed after a cursor.

    Without ``after`` from now on. A later one replaces an earlier one.
    """

    people: list[str] | None = None
    after: int | None = None


class SentMessage(PersonMessage, kw_only=True):
    """A message of one of many people."""

    person_id: str


class Send(_Command, tag="send"):
    """Messages of many people, in order; each is taken or refused for itself."""

    messages: list[SentMessage]


class PersonReading(Struct):
    """What one person marks read."""

    person_id: str
    message_ids: list[str]


class Read(_Command, tag="read"):
    """What many people mark read."""

    reads: list[PersonReading]


class Bot(_Command, tag="bot"):
    """How a bot is doing."""

    bot_id: str


class CreatePeople(_Command, tag="people"):
    """Many people to create."""

    people: list[NewUser]


class Friendship(Struct):
    """A person who adds a bot as a friend."""

    person_id: str
    user_id: str


class Befriend(_Command, tag="friends"):
    """Many people who add bots as friends."""

    friends: list[Friendship]


Command = Subscribe | Send | Read | Bot | CreatePeople | Befriend
