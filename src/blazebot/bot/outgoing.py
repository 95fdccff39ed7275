"""What a bot sends: to whom, under which id, plain or encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypedDict, get_args
from uuid import uuid4

from blazebot.client.attachments import AttachmentClient
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.message_ids import SentByHandler
from blazebot.delivery.sender import Sender
from blazebot.errors import ContentError, ServiceError
from blazebot.media import Upload
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json
from blazebot.wire.content import Content, Text
from blazebot.wire.ids import contact_conversation_id, is_uuid
from blazebot.wire.limits import BATCH_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import SENT, MessageRequest

Encrypt = Literal["reply", "auto", "always", "never"]
"""When messages are encrypted: ``reply`` if the answered one was, ``auto`` if all of the
recipient's sessions can read it, ``always`` (an error if they cannot), or ``never``."""

Sendable = Content | Upload[Any] | str
"""What can be sent: a content, a file to upload, or text."""

_PLAIN = "PLAIN_"
_MODES = get_args(Encrypt)
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
    error: ServiceError | None


class Target(NamedTuple):
    """Where a message goes: ``user_id`` is the recipient, None where that is not (yet) known.

    ``answers`` is whom it answers, if anybody: then the conversation exists.
    """

    conversation_id: str
    user_id: str | None = None
    answers: str | None = None


class Outgoing:
    """Sends contents for the bot ``app_id``."""

    def __init__(
        self,
        app_id: str,
        *,
        sender: Sender,
        encrypted: EncryptedSender,
        conversations: Conversations,
        attachments: AttachmentClient,
        encrypt: Encrypt,
    ) -> None:
        self._app_id = app_id
        self._sender = sender
        self._encrypted = encrypted
        self._conversations = conversations
        self._attachments = attachments
        self._encrypt: Encrypt = encrypt

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
    ) -> str:
        """Send ``what`` to ``target`` and return the message's id once the service has it.

        ``sent`` derives the id, where a handler runs; ``answers_encrypted`` says that the answered
        message was encrypted.

        Raises:
            ContentError, EncryptionError, AttachmentError: it cannot be sent as it is.
            ServiceError: the service refused it.
            SendTimeout: the service did not take it within ``send_timeout``.
        """
        if target.user_id is not None:
            await self._conversations.ensure(target.conversation_id, target.user_id)
        if isinstance(what, Upload):
            category, identity = what.kind.CATEGORY, await what.fingerprint()
        else:
            what = _content(what)
            category, identity = what.category, what.encode()
        message_id = _message_id(sent, target, category, identity, options.get("key"))
        mode = options.get("encrypt", self._encrypt)
        encrypts = False
        if mode != "never" and (mode != "reply" or answers_encrypted):
            target = self._with_recipient(target)
            encrypts = await self._encrypts(mode, category, target)
        content = (
            await what.content(self._attachments, encrypt=encrypts)
            if isinstance(what, Upload)
            else what
        )
        raw = content.encode(message_id)
        request = _request(target, message_id, category, options, raw)
        if encrypts:
            await self._encrypted.send(request, raw)
        else:
            await self._sender.send(request)
        return message_id

    async def send_batch(
        self,
        messages: Sequence[tuple[str, Content | str]],
        options: SendOptions,
        *,
        sent: SentByHandler | None,
    ) -> list[SendResult]:
        """Send plain contents to people, up to 100 in a frame; see :meth:`Bot.send_batch`."""
        requests = []
        for number, (user_id, what) in enumerate(messages):
            content = _content(what)
            _check_batch_rules(number, content, options)
            target = self.target(user_id)
            message_id = _message_id(
                sent, target, content.category, content.encode(), options.get("key")
            )
            raw = content.encode(message_id)
            requests.append(_request(target, message_id, content.category, options, raw))
        errors: dict[str, ServiceError] = {}
        for request in requests:
            try:
                await self._conversations.ensure(
                    request.conversation_id, request.recipient_id or ""
                )
            except ServiceError as error:
                if error.code == 401:
                    raise
                errors[request.message_id] = error
        for batch in _batches([one for one in requests if one.message_id not in errors]):
            for request, refusal in zip(batch, await self._sender.send_batch(batch), strict=True):
                if refusal is not None:
                    errors[request.message_id] = refusal
        return [
            SendResult(one.recipient_id or "", one.message_id, errors.get(one.message_id))
            for one in requests
        ]

    def _with_recipient(self, target: Target) -> Target:
        """Return an answer's target with its recipient, if it is a conversation of two."""
        conversation_id, user_id, answers = target
        if answers and conversation_id == contact_conversation_id(self._app_id, answers):
            user_id = answers
        return Target(conversation_id, user_id, answers)

    async def _encrypts(self, mode: Encrypt, category: str, target: Target) -> bool:
        if mode not in _MODES:
            raise ContentError(f"encrypt: should be one of {', '.join(_MODES)}, not {mode!r:.80}")
        if not category.startswith(_PLAIN):
            return False
        if mode == "always":
            return True
        return await self._encrypted.can_read(target.conversation_id, target.user_id)


def _content(what: Content | str) -> Content:
    content = Text(what) if isinstance(what, str) else what
    if not content.SENDABLE:
        raise ContentError(f"category: a bot cannot send {content.category or content!r}")
    return content


def _message_id(
    sent: SentByHandler | None, target: Target, category: str, identity: bytes, key: str | None
) -> str:
    if sent is None:
        return str(uuid4())
    if key is not None:
        return sent.keyed_message_id(target.conversation_id, key)
    return sent.message_id(target.conversation_id, category, identity)


def _request(
    target: Target, message_id: str, category: str, options: SendOptions, raw: bytes
) -> MessageRequest:
    for field in ("quote", "representative_id"):
        value = options.get(field)
        if value is not None and not is_uuid(value):
            raise ContentError(f"{field}: should be a UUID, not {value!r:.80}")
    expire_in = options.get("expire_in")
    if expire_in is not None and expire_in < 0:
        raise ContentError(f"expire_in: is {expire_in}; it should be 0 seconds or more")
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
        expire_in=expire_in,
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
    if options.get("encrypt", "never") == "always":
        raise ContentError("encrypt: a batch is plain; send encrypted messages one by one")


def _batches(requests: Sequence[MessageRequest]) -> list[list[MessageRequest]]:
    """Return the requests in order, in batches of at most 100 and 128 KiB."""
    batches: list[list[MessageRequest]] = []
    room = 0
    for request in requests:
        size = len(encode_json(request)) + 1
        if not batches or len(batches[-1]) == BATCH_LIMIT or size > room:
            batches.append([])
            room = REQUEST_LIMIT - 200  # what stands around the messages
        batches[-1].append(request)
        room -= size
    return batches
