"""A message that somebody wants to send, read and checked field by field."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from blazebot.errors import ContentError
from blazebot.sandbox.refusals import bad_field
from blazebot.wire.base64 import decode_base64
from blazebot.wire.ids import is_uuid
from blazebot.wire.messages import IncomingRequest


class Draft(NamedTuple):
    """What a message will be: ids in lower case and empty if absent, content decoded."""

    message_id: str
    conversation_id: str
    category: str
    data: bytes
    recipient_id: str = ""
    quote_message_id: str = ""
    representative_id: str = ""
    silent: bool = False
    expire_in: int = 0


def read_draft(request: IncomingRequest) -> Draft:
    """Return what a client asks to send.

    Raises:
        ServiceError: 10002, a field is missing or malformed.
    """
    if not request.category:
        raise bad_field("category", "is missing")
    expire_in = request.expire_in or 0
    if not 0 <= expire_in < 2**31:
        raise bad_field("expire_in", "should be a number of seconds, not negative")
    return Draft(
        message_id=read_id("message_id", request.message_id),
        conversation_id=read_id("conversation_id", request.conversation_id),
        category=request.category,
        data=_content(request),
        recipient_id=read_optional_id("recipient_id", request.recipient_id),
        quote_message_id=read_optional_id("quote_message_id", request.quote_message_id),
        representative_id=read_optional_id("representative_id", request.representative_id),
        silent=bool(request.silent),
        expire_in=expire_in,
    )


def read_id(field: str, value: str | None) -> str:
    """Return a UUID in lower case.

    Raises:
        ServiceError: 10002, it is missing or none.
    """
    if not value:
        raise bad_field(field, "is missing")
    if not is_uuid(value):
        raise bad_field(field, "should be a UUID of 36 characters")
    return value.lower()


def read_optional_id(field: str, value: str | None) -> str:
    """Return a UUID in lower case, or nothing for nothing; raises as :func:`read_id`."""
    return read_id(field, value) if value else ""


def new_id() -> str:
    """Return a fresh UUID."""
    return str(uuid4())


def _content(request: IncomingRequest) -> bytes:
    # Both are read, so that malformed base64 is told of wherever it stands.
    newer = read_base64("data_base64", request.data_base64)
    older = read_base64("data", request.data)
    return newer or older


def read_base64(field: str, text: str | None) -> bytes:
    """Return what a base64 field holds.

    Raises:
        ServiceError: 10002, it is malformed.
    """
    if not text:
        return b""
    try:
        return decode_base64(text)
    except ContentError as error:
        raise bad_field(field, str(error)) from None
