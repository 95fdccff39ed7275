"""What the control API is asked, over HTTP and over its socket: the shapes, and nothing else."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from blazebot.errors import ContentError
from blazebot.keys.issue import Form
from blazebot.sandbox.rules.drafts import (
    Draft,
    new_id,
    read_base64,
    read_expire_in,
    read_mentions,
    read_optional_id,
)
from blazebot.sandbox.rules.refusals import bad_field
from blazebot.wire.content import PLAIN_TEXT, Text
from blazebot.wire.limits import REQUEST_LIMIT

__all__ = [
    "NEWEST",
    "Befriend",
    "Bot",
    "BotChange",
    "ChangesQuery",
    "ClockChange",
    "Command",
    "CreatePeople",
    "Duration",
    "Friend",
    "Friendship",
    "GroupChange",
    "GroupCode",
    "HistoryQuery",
    "Member",
    "MemberChange",
    "NewAuthorization",
    "NewGroup",
    "NewPersonSession",
    "NewSession",
    "NewUser",
    "NewUsers",
    "PersonGroup",
    "PersonMessage",
    "PersonReading",
    "Read",
    "Reading",
    "RelationshipChange",
    "SearchQuery",
    "Send",
    "SentMessage",
    "Subscribe",
]

_TEN_YEARS = 10 * 366 * 24 * 3600
_Offset = Annotated[float, Meta(ge=-_TEN_YEARS, le=_TEN_YEARS)]

NEWEST: Final = 2**62
"""A seq above all."""

_Id = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]  # told of, not checked here
_Seq = Annotated[int, Meta(ge=0, le=NEWEST)]
_Limit = Annotated[int, Meta(ge=1, le=1000)]

# What one request may name, and what it may create, so that it does not take long.
_MANY: Final = 10_000
_NEW: Final = 1000

_Ids = Annotated[list[_Id], Meta(max_length=_MANY)]


class NewUser(Struct):
    """A person or a bot to create; an empty name is made up."""

    full_name: str = ""


NewUsers = Annotated[list[NewUser], Meta(max_length=_NEW)]
"""Users to create."""


class BotChange(Struct):
    """What to change of a bot; what is absent stays. An empty ``redirect_uri`` is none."""

    full_name: str | None = None
    redirect_uri: str | None = None


class NewSession(Struct):
    """A session to issue; ``form`` is the keystore's."""

    form: Form = "app"


class NewPersonSession(Struct):
    """A session for a person; without ``public_key`` it cannot read encrypted messages.

    Unless ``keep``, it ends those that the person has.
    """

    public_key: bool = True
    keep: bool = False


class Friend(Struct):
    """A bot to add to a person's friends."""

    user_id: _Id


class RelationshipChange(Struct):
    """What a person makes of a user."""

    user_id: _Id
    action: Literal["ADD", "REMOVE", "BLOCK", "UNBLOCK"]


class NewGroup(Struct):
    """A group to create: ``creator_id`` may be anybody, ``participants`` are the others' ids."""

    creator_id: _Id
    name: str = ""
    participants: _Ids = []
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

    conversation_id: _Id | None = None
    recipient_id: _Id | None = None
    text: str | None = None
    category: str | None = None
    data_base64: str | None = None
    message_id: _Id | None = None
    quote_message_id: _Id | None = None
    silent: bool = False
    expire_in: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    mentions: list[_Id] = []
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

    message_ids: Annotated[list[str], Meta(max_length=_MANY)]


class HistoryQuery(Struct):
    """Which messages of a conversation: the newest ``limit`` with a seq below ``before``."""

    before: _Seq = NEWEST
    limit: _Limit = 100


class SearchQuery(Struct):
    """Which messages of a conversation: those with ``text`` in them and a seq below ``before``."""

    text: Annotated[str, Meta(max_length=1000)] = ""
    before: _Seq = NEWEST
    limit: _Limit = 20


class ChangesQuery(Struct):
    """Which messages that a person sees: the first ``limit`` that changed since ``after``."""

    after: _Seq = 0
    limit: _Limit = 100


class PersonGroup(Struct):
    """A group that a person creates, with the others' ids."""

    name: str = ""
    participants: _Ids = []
    announcement: str = ""


class GroupChange(Struct):
    """What to change of a group; what is absent stays."""

    name: str | None = None
    announcement: str | None = None


class GroupCode(Struct):
    """The code of a group to join."""

    code_id: _Id


class Member(Struct):
    """Somebody to add or remove, or to give a role: ADMIN or empty."""

    user_id: _Id
    role: str = ""


class MemberChange(Struct):
    """Who is added, removed, or given a role."""

    action: Literal["ADD", "REMOVE", "ROLE"]
    participants: Annotated[list[Member], Meta(max_length=_MANY)]


class Duration(Struct):
    """``duration`` is in seconds; 0 ends it."""

    duration: Annotated[int, Meta(ge=0)]


class NewAuthorization(Struct):
    """What a person grants a bot: scopes separated by spaces."""

    bot_id: _Id
    scope: str = "PROFILE:READ"
    code_challenge: str = ""


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

    people: list[_Id] | None = None
    after: int | None = None


class SentMessage(PersonMessage, kw_only=True):
    """A message of one of many people."""

    person_id: _Id


class Send(_Command, tag="send"):
    """Messages of many people, in order; each is taken or refused for itself."""

    messages: list[SentMessage]


class PersonReading(Struct):
    """What one person marks read."""

    person_id: _Id
    message_ids: list[str]


class Read(_Command, tag="read"):
    """What many people mark read."""

    reads: list[PersonReading]


class Bot(_Command, tag="bot"):
    """How a bot is doing."""

    bot_id: _Id


class CreatePeople(_Command, tag="people"):
    """Many people to create."""

    people: list[NewUser]


class Friendship(Struct):
    """A person who adds a bot as a friend."""

    person_id: _Id
    user_id: _Id


class Befriend(_Command, tag="friends"):
    """Many people who add bots as friends."""

    friends: list[Friendship]


Command = Subscribe | Send | Read | Bot | CreatePeople | Befriend
