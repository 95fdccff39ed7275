"""A person in a test, who talks with bots as somebody with a phone does."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, TypeVar, overload
from uuid import uuid4

from blazebot import Bot, Upload
from blazebot.errors import NotSeen, SandboxError
from blazebot.testing.attachments import PersonAttachments
from blazebot.testing.seen import SeenMessage, shorten
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import (
    Button,
    Content,
    ConversationChange,
    Media,
    Pin,
    Recall,
    Text,
    Transfer,
)
from blazebot.wire.ids import contact_conversation_id

if TYPE_CHECKING:
    from blazebot.testing.sandbox import Sandbox

__all__ = ["PATIENCE", "CreatePerson", "Group", "Person"]

PATIENCE: Final = 5.0
"""Seconds that a test waits for something unless told otherwise."""

C = TypeVar("C", bound=Content)

_INPUT: Final = "input:"

_QUIET: Final = (Recall, Pin, ConversationChange)
"""What clients show as a change of something else, not as a message."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its id, its name, and the code that others join it by."""

    id: str
    name: str
    code_id: str


To: TypeAlias = "Bot | Person | Group"
"""Whom a person writes to."""


class CreatePerson(Protocol):
    """``carol = await person("Carol")``: see :meth:`Sandbox.person`."""

    def __call__(self, name: str = ..., /) -> Awaitable[Person]:
        """Create a person."""


class Person:
    """Somebody who uses Messenger. Made by :meth:`Sandbox.person`.

    What is written to no one in particular goes to the bot of the test.
    """

    def __init__(self, sandbox: Sandbox, person_id: str, name: str) -> None:
        self._sandbox = sandbox
        self._attachments = PersonAttachments(sandbox.control, person_id)
        self._snapshots = sandbox.people.seen[person_id]
        self._taken: set[str] = set()
        self.id = person_id
        self.name = name

    def __repr__(self) -> str:
        return f"<Person {self.name}>"

    # Writing

    async def send(
        self,
        what: Content | Upload[Any] | str,
        *,
        to: To | None = None,
        quote: SeenMessage[Any] | None = None,
        mentions: Sequence[Bot | Person] = (),
        silent: bool = False,
        expire_in: int = 0,
        encrypted: bool = False,
        unchecked: bool = False,
    ) -> SeenMessage[Content]:
        """Send text, a content, or a file to upload; return it, with its ``status`` as it changes.

        It goes to the bot of the test unless ``to`` says otherwise; a quote goes to where the
        quoted message stands. ``encrypted``: the person's client encrypts it for all others.
        ``unchecked``: it goes out however malformed it is, to see how a bot copes with it.

        Raises:
            SandboxError: the sandbox refused it, or there is no bot that it could be for.
            ContentError, MediaError: it cannot be sent.
        """
        where = self._place(to) if quote is None or to is not None else _standing(quote)
        options: dict[str, Any] = {
            "quote_message_id": quote.id if quote is not None else None,
            "mentions": [one.id for one in mentions],
            "silent": silent,
            "expire_in": expire_in,
            "encrypted": encrypted,
            "unchecked": unchecked,
        }
        content = Text(what) if isinstance(what, str) else what
        if isinstance(content, Upload):
            content = await content.content(self._attachments, encrypt=encrypted)
        return await self._send(content, {**where, **options})

    async def press(self, button: Button | str) -> SeenMessage[Content]:
        """Press a button, by itself or its label, of the newest message that has it.

        That sends what stands behind ``input:`` [D][C]; return it.

        Raises:
            NotSeen: the person sees no such button.
            SandboxError: it opens an address, of which no bot hears.
        """
        __tracebackhide__ = True
        label = button if isinstance(button, str) else button.label
        for message in reversed(self.history()):
            labelled = [one for one in message.buttons if one.label == label]
            if labelled:
                pressed = next((one for one in labelled if one == button), labelled[0])
                return await self._press(pressed, message)
        raise NotSeen(await self._sandbox.explain(f"{self.name} sees no button {label!r}"))

    async def _press(self, button: Button, message: SeenMessage[Any]) -> SeenMessage[Content]:
        if not button.action.startswith(_INPUT):
            raise SandboxError(
                f"the button {button.label!r} opens {button.action}, of which no bot hears"
            )
        text = button.action.removeprefix(_INPUT)
        return await self._send(Text(text), _standing(message))

    async def recall(self, message: SeenMessage[Any]) -> None:
        """Take back a message; raises SandboxError if the person may not."""
        await self._send(Recall(message.id), _standing(message))

    async def pin(self, message: SeenMessage[Any]) -> None:
        """Pin a message to the top of its conversation; raises SandboxError as :meth:`recall`."""
        await self._send(Pin("PIN", (message.id,)), _standing(message))

    async def unpin(self, message: SeenMessage[Any]) -> None:
        """Unpin a message; raises SandboxError as :meth:`recall`."""
        await self._send(Pin("UNPIN", (message.id,)), _standing(message))

    async def _send(self, content: Content, fields: dict[str, Any]) -> SeenMessage[Content]:
        __tracebackhide__ = True
        message_id = str(uuid4())
        message = {
            "person_id": self.id,
            "message_id": message_id,
            "category": content.category,
            "data_base64": encode_base64(content.encode(message_id)),
        }
        await self._sandbox.people.send([{**message, **fields}])
        return await self._sent(message_id)

    async def _sent(self, message_id: str) -> SeenMessage[Any]:
        __tracebackhide__ = True
        await self._sandbox.until(
            lambda: message_id in self._snapshots, f"{self.name} does not see what they sent"
        )
        return SeenMessage(self._snapshots, message_id)

    # Reading

    def history(self, of: To | None = None) -> list[SeenMessage[Content]]:
        """Return what the person has seen and sent, oldest first; of one conversation, or all."""
        where = None
        if of is not None:
            where = of.id if isinstance(of, Group) else contact_conversation_id(self.id, of.id)
        messages = [SeenMessage[Content](self._snapshots, id_) for id_ in self._snapshots]
        return sorted(
            (one for one in messages if where in (None, one.conversation_id)),
            key=lambda one: one.position,
        )

    def waiting(self, kind: type[Content] = Content) -> list[SeenMessage[Content]]:
        """Return what others wrote that :meth:`next` has not returned yet, oldest first.

        Recalls, pins and changes of a group are there only if they are the kind that is asked for.
        """
        quiet = kind if issubclass(kind, _QUIET) else ()
        return [
            one
            for one in self.history()
            if one.user_id != self.id
            and one.id not in self._taken
            and (isinstance(one.content, quiet) if quiet else not isinstance(one.content, _QUIET))
        ]

    @overload
    async def next(self, *, within: float = PATIENCE) -> SeenMessage[Content]: ...
    @overload
    async def next(self, kind: type[C], *, within: float = PATIENCE) -> SeenMessage[C]: ...
    async def next(
        self, kind: type[Content] = Content, *, within: float = PATIENCE
    ) -> SeenMessage[Any]:
        """Return the next message from somebody else, and wait ``within`` seconds for it.

        With a ``kind``, such as ``Image``, it must be of that kind; what is passed over by
        :meth:`waiting` is passed over here.

        Raises:
            NotSeen: none came, or one of another kind. The message shows the conversation, the log
                and what went over the wire.
        """
        __tracebackhide__ = True
        await self._sandbox.until(
            lambda: bool(self.waiting(kind)),
            f"{self.name} waited {within:g} s for a message, and none came",
            within,
        )
        message = self.waiting(kind)[0]
        if not isinstance(message.content, kind):
            words = f"{self.name} expected {kind.__name__}, not {shorten(message.content)}"
            raise NotSeen(await self._sandbox.explain(words))
        self._taken.add(message.id)
        return message

    async def nothing(self, *, within: float = PATIENCE) -> None:
        """Return when the bots have handled everything, and nothing waits for :meth:`next`.

        What a bot does later by itself, such as a job, is not waited for.

        Raises:
            NotSeen: something waits, or the bots have not handled everything ``within`` so many
                seconds.
        """
        __tracebackhide__ = True
        await self._sandbox.settle(within)
        if self.waiting():
            raise NotSeen(await self._sandbox.explain(f"{self.name} expected nothing more"))

    async def until_read(self, message: SeenMessage[Any], *, within: float = PATIENCE) -> None:
        """Return when somebody has read what the person sent; raises NotSeen."""
        __tracebackhide__ = True
        words = f"{message!r} of {self.name} was not read in {within:g} s"
        await self._sandbox.until(lambda: message.status == "READ", words, within)

    async def read(self, *messages: SeenMessage[Any]) -> None:
        """Mark messages read; without any, all that the person has seen."""
        chosen = messages or self.history()
        read = {"person_id": self.id, "message_ids": [one.id for one in chosen]}
        await self._sandbox.people.call("read", reads=[read])

    async def download(self, message: SeenMessage[Any]) -> bytes:
        """Return the bytes of a message's attachment, decrypted.

        Raises:
            SandboxError: the message has none, or it is gone.
            DecryptionError: it is not what the message says.
        """
        content = message.content
        if not isinstance(content, Media):
            raise SandboxError(f"this message has no attachment: {message!r}")
        return await self._attachments.download(content)

    # Bots and groups

    async def add(self, bot: Bot | None = None) -> None:
        """Add a bot as a friend: the first time the service tells it Hello on their behalf [S]."""
        await self._sandbox.people.add_friend([self.id], self._sandbox.chosen(bot).id)

    async def remove(self, bot: Bot | None = None) -> None:
        """Remove a bot from the friends."""
        await self._relate("REMOVE", bot)

    async def block(self, bot: Bot | None = None) -> None:
        """Block a bot: what it sends is refused."""
        await self._relate("BLOCK", bot)

    async def unblock(self, bot: Bot | None = None) -> None:
        """Block a bot no longer."""
        await self._relate("UNBLOCK", bot)

    async def _relate(self, action: str, bot: Bot | None) -> None:
        change = {"user_id": self._sandbox.chosen(bot).id, "action": action}
        await self._sandbox.control.call("POST", f"/people/{self.id}/relationships", change)

    async def pay(
        self, amount: Decimal | int | str, *, to: Bot | None = None, **fields: str
    ) -> SeenMessage[Transfer]:
        """Pay a bot; return the message by which it is told.

        ``fields`` are those of :meth:`~blazebot.testing.control.Control.transfer`, such as
        ``memo`` and ``asset_id``. Raises SandboxError if it cannot be paid.
        """
        bot_id = self._sandbox.chosen(to).id
        told = await self._sandbox.control.transfer(self.id, bot_id, amount=str(amount), **fields)
        return await self._sent(told["message_id"])

    async def create_group(self, name: str, *members: Bot | Person) -> Group:
        """Create a group with these members, of which the person is the owner."""
        group = {"name": name, "participants": [one.id for one in members]}
        made = await self._sandbox.control.call("POST", f"/people/{self.id}/conversations", group)
        self._sandbox.names[made["conversation_id"]] = name
        return Group(made["conversation_id"], name, made["code_id"])

    async def join(self, group: Group) -> None:
        """Join a group by its code."""
        code = {"code_id": group.code_id}
        await self._sandbox.control.call("POST", f"/people/{self.id}/join", code)

    async def leave(self, group: Group) -> None:
        """Leave a group."""
        await self._change(group, "exit", None)

    async def add_members(self, group: Group, *members: Bot | Person) -> None:
        """Add others to a group; raises SandboxError if the person may not."""
        await self._change_members(group, "ADD", members)

    async def remove_members(self, group: Group, *members: Bot | Person) -> None:
        """Remove others from a group; raises SandboxError if the person may not."""
        await self._change_members(group, "REMOVE", members)

    async def set_role(
        self, group: Group, member: Bot | Person, role: Literal["ADMIN", ""]
    ) -> None:
        """Make a member of a group an admin, or no longer; raises SandboxError as above."""
        await self._change_members(group, "ROLE", [member], role)

    async def _change_members(
        self, group: Group, action: str, members: Sequence[Bot | Person], role: str = ""
    ) -> None:
        changed = [{"user_id": one.id, "role": role} for one in members]
        await self._change(group, "participants", {"action": action, "participants": changed})

    async def _change(self, group: Group, what: str, body: Any) -> None:
        path = f"/people/{self.id}/conversations/{group.id}/{what}"
        await self._sandbox.control.call("POST", path, body)

    def _place(self, to: To | None) -> dict[str, Any]:
        if isinstance(to, Group):
            return {"conversation_id": to.id}
        return {"recipient_id": to.id if isinstance(to, Person) else self._sandbox.chosen(to).id}


def _standing(message: SeenMessage[Any]) -> dict[str, Any]:
    return {"conversation_id": message.conversation_id}
