"""The wire as the stub and the floor see it: no part of Blazebot, so that neither moves with it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import msgspec
from isal import isal_zlib

LIST_PENDING: Final = "LIST_PENDING_MESSAGES"
CREATE: Final = "CREATE_MESSAGE"
ACKNOWLEDGE: Final = "ACKNOWLEDGE_MESSAGE_RECEIPT"
ACKNOWLEDGE_BATCH: Final = "ACKNOWLEDGE_MESSAGE_RECEIPTS"
SUBPROTOCOL: Final = "Mixin-Blaze-1"

_GZIP: Final = 31
_TIME: Final = "2026-01-02T03:04:05.678901234Z"


class View(msgspec.Struct):
    """A message as the service shows it, all 16 fields (protocol section 5)."""

    type: str = "message"
    conversation_id: str = ""
    user_id: str = ""
    session_id: str = ""
    message_id: str = ""
    category: str = ""
    data: str = ""
    data_base64: str = ""
    status: str = "SENT"
    source: str = ""
    representative_id: str = ""
    quote_message_id: str = ""
    silent: bool = False
    expire_in: int = 0
    created_at: str = _TIME
    updated_at: str = _TIME


class Frame(msgspec.Struct, omit_defaults=True):
    """A frame from the service, decoded in one go."""

    id: str
    action: str
    data: View | None = None


class Receipt(msgspec.Struct):
    message_id: str
    status: str = "READ"


class Params(msgspec.Struct, omit_defaults=True):
    """What a client's frame may carry: a message, a receipt, or many receipts."""

    conversation_id: str = ""
    message_id: str = ""
    category: str = ""
    status: str = ""
    data_base64: str | None = None
    data: str | None = None
    messages: list[Receipt] = []


class Request(msgspec.Struct, omit_defaults=True):
    """A frame from a client."""

    id: str
    action: str
    params: Params | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that the stub pushes."""

    message_id: str
    conversation_id: str
    text: str


def make_texts(messages: int, conversations: int) -> list[Sent]:
    """Return texts, each unlike the others, over so many conversations in turn."""
    ids = [str(uuid4()) for _ in range(min(messages, conversations))]
    return [
        Sent(str(uuid4()), ids[number % len(ids)], f"{number:07d} good morning to all of them")
        for number in range(messages)
    ]


def encode_push(
    sent: Sent, user_id: str, session_id: str, encrypt: Callable[[bytes], bytes] | None = None
) -> bytes:
    """Return the frame that pushes ``sent``: plain it is 668 bytes of JSON, compressed."""
    raw = sent.text.encode() if encrypt is None else encrypt(sent.text.encode())
    view = View(
        conversation_id=sent.conversation_id,
        user_id=user_id,
        session_id=session_id,
        message_id=sent.message_id,
        category="PLAIN_TEXT" if encrypt is None else "ENCRYPTED_TEXT",
        data=b64encode(raw).decode(),
        data_base64=encode_base64(raw),
        source=LIST_PENDING,
    )
    return compress(msgspec.json.encode({"id": str(uuid4()), "action": CREATE, "data": view}))


def encode_base64(data: bytes) -> str:
    """Return unpadded base64url."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 in either alphabet, padded or not."""
    return urlsafe_b64decode(text + "==")


def compress(data: bytes, level: int = 1) -> bytes:
    """Return ``data`` as gzip."""
    return isal_zlib.compress(data, level, _GZIP)


def decompress(data: bytes) -> bytes:
    """Return what gzip holds, however much."""
    return isal_zlib.decompress(data, _GZIP)
