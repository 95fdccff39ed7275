"""The message that a handler takes."""

from __future__ import annotations

import time
import types
import typing
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

from blazebot.bot.events import Event
from blazebot.bot.outgoing import Sendable, SendOptions
from blazebot.wire.content import Content, Pin, Recall
from blazebot.wire.messages import MessageView

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot
    from blazebot.bot.routes import Route
    from blazebot.delivery.message_ids import SentByHandler

C_co = TypeVar("C_co", bound=Content, covariant=True)


class Message(Event, Generic[C_co]):
    """A message to the bot, with content of one kind: ``Message[Text]`` has ``content.text``.

    ``view`` is the message as it came over the wire, ``route`` what takes it, once that is found.
    """

    __slots__ = ("content", "route", "view")

    sent: SentByHandler

    def __init__(self, bot: Bot, view: MessageView, content: C_co, sent: SentByHandler) -> None:
        # As Event, spelt out: a call less for each message.
        self.bot = bot
        self.sent = sent
        self.handed = {}
        self.view = view
        self.content: C_co = content
        self.route: Route | None = None

    def __repr__(self) -> str:
        return f"<Message {self.id} {self.category} from {self.user_id}>"

    @property
    def id(self) -> str:
        """The message's id. It is the key to make a handler's own side effects idempotent."""
        return self.view.message_id

    @property
    def conversation_id(self) -> str:
        """The conversation that it stands in, and that a reply goes to."""
        return self.view.conversation_id or ""

    @property
    def user_id(self) -> str:
        """Who sent it."""
        return self.view.user_id or ""

    @property
    def category(self) -> str:
        """Its category as it came, such as ``PLAIN_TEXT``."""
        return self.view.category or ""

    @property
    def quote_message_id(self) -> str | None:
        """The message that it quotes, or None."""
        return self.view.quote_message_id or None

    @property
    def representative_id(self) -> str | None:
        """On whose behalf it was sent, or None."""
        return self.view.representative_id or None

    @property
    def created_at(self) -> datetime:
        """When the service took it, in UTC."""
        return self.view.created

    @property
    def age(self) -> float:
        """Seconds since the service took it; 0 if it did not say, or where this clock is behind.

        A message may have waited while the bot was away, and a dead letter waits for somebody.
        """
        taken = self.view.created.timestamp()
        return max(0.0, time.time() - taken) if taken else 0.0

    @property
    def is_encrypted(self) -> bool:
        """Whether it came encrypted."""
        return self.category.startswith("ENCRYPTED_")

    async def reply(self, what: Sendable, **options: Unpack[SendOptions]) -> str:
        """Send ``what`` (a content, a file to upload, or text) to the same conversation.

        Returns the id of the message sent, once the service has taken it. It takes effect once,
        though the handler may run again: the id is derived from what is sent. Where words differ
        from run to run (models, times), name the send by ``key``: the first words then stay. For
        the other options see :class:`~blazebot.bot.outgoing.SendOptions`.

        Raises:
            ContentError: the content cannot be sent.
            EncryptionError: it was to be encrypted, and cannot be.
            AttachmentError: the file cannot be uploaded.
            ServiceError: the service refused it.
            SendTimeout: the service did not take it within ``send_timeout``.
        """
        return await self.bot.send_answer(self.view, what, options, sent=self.sent)

    async def quote(self, what: Sendable, **options: Unpack[SendOptions]) -> str:
        """Reply, and quote this message; see :meth:`reply`."""
        options["quote"] = self.id
        return await self.reply(what, **options)

    async def recall(self, message_id: str | None = None) -> str:
        """Take back a message of this conversation: one that the bot sent, by the id of its reply.

        None stands for this message itself, which the service allows in a group only [A]. Raises
        as :meth:`reply`.
        """
        return await self.reply(Recall(message_id or self.id))

    async def pin(self) -> str:
        """Pin this message to the top of its conversation; raises as :meth:`reply`."""
        return await self.reply(Pin("PIN", (self.id,)))

    async def unpin(self) -> str:
        """Unpin this message; raises as :meth:`reply`."""
        return await self.reply(Pin("UNPIN", (self.id,)))


def takes(annotation: object, kinds: Iterable[type[Content]]) -> bool:
    """Tell whether a parameter annotated so takes messages with content of each of ``kinds``."""
    return all(_takes_kind(annotation, kind) for kind in kinds)


def _takes_kind(annotation: object, kind: type[Content]) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_takes_kind(member, kind) for member in arguments)
    if origin is Message:
        return _fits(arguments[0], kind)
    return annotation is Any or (isinstance(annotation, type) and issubclass(Message, annotation))


def _fits(content: object, kind: type[Content]) -> bool:
    if typing.get_origin(content) in (typing.Union, types.UnionType):
        return any(_fits(member, kind) for member in typing.get_args(content))
    return content is Any or (isinstance(content, type) and issubclass(kind, content))
