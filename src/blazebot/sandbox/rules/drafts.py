"""A message that somebody wants to send, read and checked field by field."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from blazebot.errors import ContentError
from blazebot.keys.encryption import sessions_checksum
from blazebot.sandbox.rules.refusals import bad_field
from blazebot.wire.base64 import decode_base64
from blazebot.wire.ids import format_uuid, is_uuid
from blazebot.wire.limits import PARTICIPANTS_LIMIT
from blazebot.wire.messages import IncomingRequest


class RecipientSession(msgspec.Struct):
    """A session that a message is encrypted for; other fields of it mean nothing here."""

    session_id: str = ""


class AnyRequest(IncomingRequest, kw_only=True, omit_defaults=True):
    """A message request with what encrypted messages carry beside (section 8).

    The checksum is ``checksum`` by REST and ``conversation_checksum`` on the socket.
    """

    checksum: str | None = None
    conversation_checksum: str | None = None
    recipient_sessions: list[RecipientSession] | None = None


class Draft(NamedTuple):
    """What a message will be: ids in lower case and empty if absent, content decoded.

    ``checksum`` is that of the sessions that it was encrypted for, empty if none was given.
    """

    message_id: str
    conversation_id: str
    category: str
    data: bytes
    recipient_id: str = ""
    quote_message_id: str = ""
    representative_id: str = ""
    silent: bool = False
    expire_in: int = 0
    mentions: tuple[str, ...] = ()
    checksum: str = ""


def read_draft(request: AnyRequest) -> Draft:
    """Return what a client asks to send.

    Raises:
        ServiceError: 10002, a field is missing or malformed.
    """
    if not request.category:
        raise bad_field("category", "is missing")
    return Draft(
        message_id=read_id("message_id", request.message_id),
        conversation_id=read_id("conversation_id", request.conversation_id),
        category=request.category,
        data=_content(request),
        recipient_id=read_optional_id("recipient_id", request.recipient_id),
        quote_message_id=read_optional_id("quote_message_id", request.quote_message_id),
        representative_id=read_optional_id("representative_id", request.representative_id),
        silent=bool(request.silent),
        expire_in=read_expire_in(request.expire_in),
        mentions=read_mentions(request.mentions),
        checksum=_checksum(request),
    )


def read_expire_in(value: int | None) -> int:
    """Return after how many seconds a message expires, 0 for never.

    Raises:
        ServiceError: 10002, it is negative, or more than 68 years.
    """
    expire_in = value or 0
    if not 0 <= expire_in < 2**31:
        raise bad_field("expire_in", "should be a number of seconds, not negative")
    return expire_in


def read_mentions(user_ids: Sequence[str] | None) -> tuple[str, ...]:
    """Return the ids of mentioned users, in lower case; raises as :func:`read_id`."""
    if not user_ids:
        return ()
    if len(user_ids) > PARTICIPANTS_LIMIT:
        raise bad_field("mentions", f"at most {PARTICIPANTS_LIMIT}, as many as a group has users")
    return tuple(read_id("mentions", user_id) for user_id in user_ids)


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
    return format_uuid(os.urandom(16), 4)


def _checksum(request: AnyRequest) -> str:
    checksum = (request.checksum or request.conversation_checksum or "").lower()
    if not request.recipient_sessions:
        return checksum
    found = sessions_checksum(session.session_id for session in request.recipient_sessions)
    if checksum not in ("", found):
        raise bad_field("checksum", f"should be {found}, that of recipient_sessions")
    return found


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
