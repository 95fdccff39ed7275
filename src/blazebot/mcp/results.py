"""What the tools answer: structures that say of each text that it is not to be trusted."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from blazebot.bot.mailbox.letters import ConversationSummary, ReceivedMessage
from blazebot.mcp.people import People
from blazebot.mcp.untrusted import NOTE, category_name, mark


class Person(BaseModel):
    """Somebody, or a group, that may be written to."""

    id: str
    name: str = Field(description="What the bot's owner calls them; empty if nothing.")
    is_group: bool = False


class Untrusted(BaseModel):
    """Words of somebody outside."""

    trust: Literal["untrusted"] = "untrusted"
    note: str = NOTE
    text: str = Field(description="What they wrote, between two lines that mark where it ends.")


class Message(BaseModel):
    """A message that came to the bot."""

    message_id: str
    conversation_id: str
    user_id: str
    name: str = Field(description="What the bot's owner calls the sender; empty if nothing.")
    category: str
    created_at: str
    is_group: bool
    was_read: bool = Field(description="Whether read_messages has returned it before.")
    may_reply: bool = Field(description="Whether reply_to_message is allowed for it.")
    content: Untrusted


class Conversation(BaseModel):
    """A conversation that something came from lately."""

    conversation_id: str
    is_group: bool
    people: list[Person] = Field(description="Who wrote there.")
    messages: int
    unread: int
    last_at: str
    may_write: bool


class Sent(BaseModel):
    """What became of a message that was to be sent."""

    message_id: str
    state: Literal["sent", "waiting"] = Field(
        description="sent: the service has it. waiting: the service cannot be reached; it will be "
        "sent by itself, so do not send it again."
    )


def people(allowed: People) -> list[Person]:
    """Return those who may be written to."""
    return [Person(id=id_, name=one.name, is_group=one.is_group) for id_, one in allowed.items()]


def message(received: ReceivedMessage, allowed: People, boundary: str) -> Message:
    """Return a message as it is shown; ``boundary`` as for :func:`mark`."""
    return Message(
        message_id=received.message_id,
        conversation_id=received.conversation_id,
        user_id=received.user_id,
        name=_name(received.user_id, allowed),
        category=category_name(received.category),
        created_at=received.created_at,
        is_group=received.is_group,
        was_read=received.was_read,
        may_reply=may_reply(received, allowed),
        content=Untrusted(text=mark(received.text, boundary)),
    )


def answers_to(received: ReceivedMessage) -> str:
    """Return the id of whom an answer goes to: the group that it stands in, or who wrote it."""
    return (received.conversation_id if received.is_group else received.user_id).lower()


def may_reply(received: ReceivedMessage, allowed: People) -> bool:
    """Tell whether a message may be answered: in a group only if the group is allowed itself."""
    return may_write(answers_to(received), allowed, is_group=received.is_group)


def may_write(to: str, allowed: People, *, is_group: bool) -> bool:
    """Tell whether a person or a group may be written to."""
    return to in allowed and allowed[to].is_group == is_group


def conversation(summary: ConversationSummary, allowed: People) -> Conversation:
    """Return a conversation as it is shown."""
    to = [summary.conversation_id] if summary.is_group else summary.user_ids
    return Conversation(
        conversation_id=summary.conversation_id,
        is_group=summary.is_group,
        people=[Person(id=one, name=_name(one, allowed)) for one in summary.user_ids],
        messages=summary.messages,
        unread=summary.unread,
        last_at=summary.last_at,
        may_write=all(may_write(one.lower(), allowed, is_group=summary.is_group) for one in to),
    )


def _name(user_id: str, allowed: People) -> str:
    one = allowed.get(user_id.lower())
    return one.name if one else ""
