"""What a bot sends: to whom, under which id, plain or encrypted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, get_args
from uuid import uuid4

from blazebot.delivery.message_ids import SentByHandler
from blazebot.delivery.outbox_store import Entry
from blazebot.errors import (
    BlazebotError,
    ContentError,
    EncryptionError,
    NotRunning,
    ServiceError,
    Unauthorized,
)
from blazebot.media import Upload
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json
from blazebot.wire.content import Content, Text
from blazebot.wire.ids import contact_conversation_id, is_uuid
from blazebot.wire.limits import REQUEST_LIMIT
from blazebot.wire.messages import SENT, MessageRequest

if TYPE_CHECKING:
    from blazebot.client.attachments import AttachmentClient
    from blazebot.delivery.attempts import Attempts
    from blazebot.delivery.batches import BatchSender
    from blazebot.delivery.conversations import Conversations
    from blazebot.delivery.encrypted import EncryptedSender
    from blazebot.delivery.outbox_storage import DurableSends
    from blazebot.delivery.sender import Sender

Encrypt = Literal["reply", "auto", "always", "never"]
"""When messages are encrypted: ``reply`` if the answered one was, ``auto`` if all of the
recipient's sessions can read it, ``always`` (an error if they cannot), or ``never``. Buttons,
cards, recalls and pins have no encrypted form and always go plain."""

Sendable = Content | Upload[Any] | str
"""What can be sent: a content, a file to upload, or text."""

_PLAIN = "PLAIN_"
_MODES = get_args(Encrypt)
_LONGEST = 10 * 365 * 24 * 3600  # ten years in seconds: beyond it is a mistake
_SMALL = REQUEST_LIMIT // 4  # content that fits whatever stands around it


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to send to, by its id; a plain str as a target is a user id."""

    id: str


class SendOptions(TypedDict, total=False):
    """How a message is sent, beside its content.

    ``key`` names the send within its handler, for words that vary from run to run. ``quote`` is the
    id of a message to quote, ``representative_id`` the user on whose behalf it is sent,
    ``silent`` sends without notification, ``expire_in`` lets it disappear so many seconds after
    it was read, ``mentions`` are user ids, ``encrypt`` goes over the setting of that name.
    """

    key: str
    quote: str
    representative_id: str
    silent: bool
    expire_in: int
    mentions: Sequence[str]
    encrypt: Encrypt


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one message of a batch: its id, and the error it was refused with, or None."""

    user_id: str
    message_id: str
    error: BlazebotError | None


class Target(NamedTuple):
    """Where a message goes: ``user_id`` is the recipient, None where that is not (yet) known.

    ``answers`` is whom it answers, if anybody: then the conversation exists.
    """

    conversation_id: str
    user_id: str | None = None
    answers: str | None = None


class Outgoing:
    """Sends contents for the bot ``app_id``.

    ``sign(content, conversation_id)`` returns content with its buttons signed; message ids are
    derived from what it was before.
    """

    def __init__(
        self,
        app_id: str,
        *,
        attempts: Attempts,
        sender: Sender,
        batches: BatchSender,
        encrypted: EncryptedSender,
        conversations: Conversations,
        attachments: AttachmentClient,
        sign: Callable[[Content, str], Content],
        encrypt: Encrypt,
        outbox: DurableSends | None = None,
    ) -> None:
        self._app_id = app_id
        self._attempts = attempts
        self._sender = sender
        self._batches = batches
        self._encrypted = encrypted
        self._conversations = conversations
        self._attachments = attachments
        self._sign = sign
        self._encrypt: Encrypt = encrypt
        self._outbox = outbox

    def target(self, to: str | Conversation) -> Target:
        """Return where a message to a user id or conversation goes.

        Raises:
            ContentError: it is not a UUID.
        """
        value = to.id if isinstance(to, Conversation) else to
        if not is_uuid(value):
            raise ContentError(f"to: a user or conversation id is a UUID, not {value!r:.80}")
        if isinstance(to, Conversation):
            return Target(to.id.lower())
        return Target(contact_conversation_id(self._app_id, to), to.lower())

    async def send(
        self,
        target: Target,
        what: Sendable,
        options: SendOptions,
        *,
        sent: SentByHandler | None,
        answers_encrypted: bool = False,
        waits: bool = True,
    ) -> str:
        """Send ``what`` to ``target`` and return the message's id once the service has it.

        ``sent`` derives the id, where a handler runs, whose message sees to it that it is sent.
        Where no handler will run again it goes through the outbox, and unless ``waits`` this
        returns once it is on disk there. ``answers_encrypted`` says that the answered message was
        encrypted.

        Raises:
            ContentError, EncryptionError, AttachmentError: it cannot be sent as it is.
            ServiceError: the service refused it.
            SendTimeout: the service did not take it within ``send_timeout``.
        """
        if options:
            _check_options(options)
        if isinstance(what, Upload):
            category, identity = what.kind.CATEGORY, await what.fingerprint()
        else:
            what = _content(what)
            category, identity = what.category, _encoded(what)
        runs_again = sent is not None and sent.runs_again
        outbox = None if runs_again and waits else self._outbox
        if outbox is None and not waits:
            raise NotRunning("there is no outbox here: use send, which waits for the service")
        if target.user_id is not None and outbox is None:
            await self._ensure(target, self._attempts.deadline())
        message_id = self._message_id(sent, target, category, identity, options.get("key"))
        mode = options.get("encrypt", self._encrypt)
        encrypts = False
        if mode != "never" and (mode != "reply" or answers_encrypted):
            target = self._with_recipient(target)
            encrypts = await self._encrypts(mode, category, target)
        content = (
            await what.content(self._attachments, encrypt=encrypts)
            if isinstance(what, Upload)
            else self._sign(what, target.conversation_id)
        )
        raw = _encoded(content, message_id)
        request = _request(target, message_id, category, options, raw)
        if outbox is not None:
            plaintext = raw if encrypts else None
            entry = Entry(request, plaintext, may_be_plain=mode != "always")
            await (outbox.send(entry) if waits else outbox.accept(entry))
            return message_id
        if encrypts:
            try:
                await self._encrypted.send(request, raw)
            except EncryptionError:
                if mode == "always":
                    raise  # otherwise sessions changed just now, and plain is right
            else:
                return message_id
        await self._sender.send(request)
        return message_id

    def _message_id(
        self,
        sent: SentByHandler | None,
        target: Target,
        category: str,
        identity: bytes,
        key: str | None,
    ) -> str:
        if key is not None:
            sent = sent or SentByHandler(self._app_id, "outbox")
            return sent.keyed_message_id(target.conversation_id, key)
        if sent is None:
            return str(uuid4())
        return sent.message_id(target.conversation_id, category, identity)

    async def _ensure(self, target: Target, deadline: float) -> None:
        async def attempt(*, within: float) -> None:
            await self._conversations.ensure(target.conversation_id, target.user_id or "")

        await self._attempts.until_taken(attempt, deadline)

    async def send_batch(
        self,
        messages: Sequence[tuple[str, Content | str]],
        options: SendOptions,
        *,
        sent: SentByHandler | None,
    ) -> list[SendResult]:
        """Send plain contents to people, up to 100 in a frame; see :meth:`Bot.send_batch`."""
        _check_options(options)
        mode = options.get("encrypt", self._encrypt)
        if mode == "always":
            raise ContentError("encrypt: a batch is plain; send encrypted messages one by one")
        targets, requests = [], []
        repeats: Counter[str] = Counter()
        for number, (user_id, what) in enumerate(messages):
            content = _content(what)
            _check_batch_rules(number, content, options)
            target = self.target(user_id)
            if target.user_id is None:
                raise ContentError(f"messages[{number}]: a batch goes to users, by their ids")
            key = options.get("key")
            if key is not None:
                # By recipient, not by place: a rerun may have others in the list.
                key = f"{key}|{repeats[target.user_id]}"
                repeats[target.user_id] += 1
            message_id = self._message_id(sent, target, content.category, _encoded(content), key)
            raw = _encoded(content, message_id)
            targets.append(target)
            requests.append(_request(target, message_id, content.category, options, raw))
        deadline = self._attempts.deadline()
        errors: list[BlazebotError | None] = list(
            await asyncio.gather(*(self._try_ensure(target, deadline) for target in targets))
        )
        good = [number for number, error in enumerate(errors) if error is None]
        refusals = await self._batches.send([requests[number] for number in good])
        for number, refusal in zip(good, refusals, strict=True):
            errors[number] = refusal.error if refusal else None
        return [
            SendResult(one.recipient_id or "", one.message_id, error)
            for one, error in zip(requests, errors, strict=True)
        ]

    async def _try_ensure(self, target: Target, deadline: float) -> ServiceError | None:
        try:
            await self._ensure(target, deadline)
        except Unauthorized:
            raise
        except ServiceError as error:
            return error
        return None

    def _with_recipient(self, target: Target) -> Target:
        """Return an answer's target with its recipient, if it is a conversation of two."""
        conversation_id, user_id, answers = target
        if answers and conversation_id == contact_conversation_id(self._app_id, answers):
            user_id = answers
        return Target(conversation_id, user_id, answers)

    async def _encrypts(self, mode: Encrypt, category: str, target: Target) -> bool:
        if not category.startswith(_PLAIN):
            return False
        if mode == "always":
            return True
        return await self._encrypted.can_read(target.conversation_id, target.user_id)


def check_sendable(what: object) -> None:
    """Raise ContentError unless ``what`` is something to send, as far as can be told before."""
    if not isinstance(what, Upload):
        _encoded(_content(what))


def _content(what: object) -> Content:
    content = Text(what) if isinstance(what, str) else what
    if not isinstance(content, Content):
        raise ContentError(f"content: should be a content or text, not {type(what).__name__}")
    if not content.SENDABLE or not content.category:
        name = content.category or type(content).__name__
        raise ContentError(f"category: a bot cannot send {name} as a message")
    return content


def _encoded(content: Content, message_id: str = "") -> bytes:
    try:
        return content.encode(message_id)
    except (TypeError, AttributeError) as error:
        raise ContentError(
            f"{type(content).__name__}: a field is of the wrong type: {error}"
        ) from None


def _check_options(options: SendOptions) -> None:
    for name, value in options.items():
        if name not in _OPTIONS:
            raise ContentError(f"there is no option {name!r:.80}; there are {', '.join(_OPTIONS)}")
        if value is not None and not _OPTIONS[name](value):
            raise ContentError(f"{name}: {_MEANING[name]}, not {value!r:.80}")


def _is_seconds(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LONGEST


def _are_uuids(value: object) -> bool:
    return isinstance(value, list | tuple) and all(is_uuid(one) for one in value)


def _request(
    target: Target, message_id: str, category: str, options: SendOptions, raw: bytes
) -> MessageRequest:
    mentions = options.get("mentions")
    request = MessageRequest(
        conversation_id=target.conversation_id,
        message_id=message_id,
        category=category,
        status=SENT,
        data_base64=encode_base64(raw),
        recipient_id=target.user_id,
        quote_message_id=options.get("quote"),
        representative_id=options.get("representative_id"),
        silent=options.get("silent"),
        expire_in=options.get("expire_in"),
        mentions=list(mentions) if mentions else None,
    )
    if len(raw) > _SMALL and (size := len(encode_json(request))) > REQUEST_LIMIT:
        raise ContentError(
            f"content: the request has {size} bytes; {REQUEST_LIMIT} are allowed. Send it as a file"
        )
    return request


def _check_batch_rules(number: int, content: Content, options: SendOptions) -> None:
    if not content.category.startswith(_PLAIN):
        raise ContentError(
            f"messages[{number}]: {content.category} cannot go in a batch, only {_PLAIN} categories"
        )
    if options.get("quote") is not None and not isinstance(content, Text):
        raise ContentError(f"messages[{number}]: only text can quote in a batch")


_OPTIONS: dict[str, Callable[[object], bool]] = {
    "key": lambda value: isinstance(value, str),
    "quote": is_uuid,
    "representative_id": is_uuid,
    "silent": lambda value: isinstance(value, bool),
    "expire_in": _is_seconds,
    "mentions": _are_uuids,
    "encrypt": lambda value: value in _MODES,
}
_MEANING = {
    "key": "should be text",
    "quote": "should be a message's id, a UUID",
    "representative_id": "should be a user's id, a UUID",
    "silent": "should be true or false",
    "expire_in": f"should be a whole number of seconds from 0 to {_LONGEST}",
    "mentions": "should be a list of user ids, UUIDs",
    "encrypt": f"should be one of {', '.join(_MODES)}",
}
