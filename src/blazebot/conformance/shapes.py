"""The documents that strict readers rely on: which fields, holding what (section 10). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from blazebot.conformance.expectations import expect
from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64
from blazebot.wire.ids import is_uuid

__all__ = [
    "ATTACHMENT",
    "CONVERSATION",
    "ERROR",
    "ME",
    "PARTICIPANT",
    "PARTICIPANT_SESSION",
    "SESSION",
    "UNSET_TIME",
    "USER",
    "VIEW",
    "Kind",
    "complaints",
    "expect_shape",
]

UNSET_TIME: Final = "0001-01-01T00:00:00Z"
"""How a time that is not set is written [C]."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}Z")
_CURVE_KEY: Final = 32


class Kind(NamedTuple):
    """What a field should hold: in words, and as a test."""

    words: str
    holds: Callable[[Any], bool]


Shape = Mapping[str, Kind]


def complaints(document: Any, shape: Shape) -> Iterable[str]:
    """Yield what is wrong with a document, field by field; further fields are fine."""
    if not isinstance(document, dict):
        yield f"should be a JSON object, is {_name(document)}"
        return
    for field, kind in shape.items():
        if field not in document:
            yield f"{field} is missing"
        elif not kind.holds(document[field]):
            yield f"{field} should be {kind.words}, is {_name(document[field])}"


def expect_shape(what: str, document: Any, shape: Shape) -> None:
    """Raise Violation with all that is wrong with ``what``."""
    found = list(complaints(document, shape))
    expect(not found, f"{what}: {'; '.join(found)}")


def is_time(value: Any) -> bool:
    """Tell whether this is a time as views have it: RFC 3339, UTC, 6 to 9 fractional digits."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_curve_key(value: Any) -> bool:
    if not isinstance(value, str) or "=" in value or "+" in value or "/" in value:
        return False
    try:
        return value == "" or len(decode_base64(value)) == _CURVE_KEY
    except ContentError:
        return False


def _name(value: Any) -> str:
    # Its kind and not itself: it may be a secret.
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text" if value else "empty text"
    kinds = {bool: "true or false", int: "an integer", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object")


def _one_of(*values: str) -> Kind:
    shown = " or ".join(value or "empty" for value in values)
    return Kind(shown, lambda value: isinstance(value, str) and value in values)


_TEXT: Final = Kind("text", lambda value: isinstance(value, str))
_WORD: Final = Kind("text that is not empty", lambda value: isinstance(value, str) and value != "")
_BOOLEAN: Final = Kind("true or false", lambda value: isinstance(value, bool))
_INTEGER: Final = Kind("an integer", _is_integer)
_NUMBER: Final = Kind("a number", lambda value: _is_integer(value) or isinstance(value, float))
_LIST: Final = Kind("a list", lambda value: isinstance(value, list))
_UUID: Final = Kind("a UUID in lower case", lambda value: is_uuid(value) and value == value.lower())
_MAYBE_UUID: Final = Kind("a UUID or empty", lambda value: value == "" or is_uuid(value))
_CREATED: Final = Kind("a time with 6-9 fractional digits and Z", is_time)
_WHEN: Final = Kind("a time, or the unset one", lambda value: value == UNSET_TIME or is_time(value))
_CURVE: Final = Kind("a curve25519 key in unpadded base64url, or empty", _is_curve_key)

VIEW: Final[Shape] = {
    "type": _one_of("message"),
    "conversation_id": _UUID,
    "user_id": _UUID,
    "session_id": _MAYBE_UUID,
    "message_id": _UUID,
    "category": _WORD,
    "data": _TEXT,
    "data_base64": _TEXT,
    "status": _one_of("SENT", "DELIVERED", "READ"),
    "source": _one_of("", "LIST_PENDING_MESSAGES", "CREATE_MESSAGE", "ACKNOWLEDGE_MESSAGE_RECEIPT"),
    "representative_id": _MAYBE_UUID,
    "quote_message_id": _MAYBE_UUID,
    "silent": _BOOLEAN,
    "expire_in": _INTEGER,
    "created_at": _CREATED,
    "updated_at": _CREATED,
}
"""The 16 fields of a message that is pushed (sections 5 and 10)."""

ERROR: Final[Shape] = {"status": _INTEGER, "code": _INTEGER, "description": _WORD}
"""An error, on the line and by REST (sections 4 and 9); ``extra`` may follow."""

USER: Final[Shape] = {
    "type": _one_of("user"),
    "user_id": _UUID,
    "identity_number": _TEXT,
    "phone": _TEXT,
    "full_name": _TEXT,
    "avatar_url": _TEXT,
    "biography": _TEXT,
    "is_verified": _BOOLEAN,
    "is_scam": _BOOLEAN,
    "mute_until": _WHEN,
    "relationship": _one_of("ME", "FRIEND", "STRANGER", "BLOCKING"),
    "created_at": _CREATED,
    "has_safe": _BOOLEAN,
}

ME: Final[Shape] = {
    **USER,
    "session_id": _UUID,
    "pin_token": _TEXT,
    "pin_token_base64": _TEXT,
    "code_id": _UUID,
    "code_url": _WORD,
    "device_status": _TEXT,
    "has_pin": _BOOLEAN,
    "receive_message_source": _TEXT,
    "accept_conversation_source": _TEXT,
    "accept_search_source": _TEXT,
    "fiat_currency": _TEXT,
    "transfer_notification_threshold": _NUMBER,
    "transfer_confirmation_threshold": _NUMBER,
    "tip_key_base64": _TEXT,
    "tip_counter": _INTEGER,
}

CONVERSATION: Final[Shape] = {
    "type": _one_of("conversation"),
    "conversation_id": _UUID,
    "creator_id": _UUID,
    "category": _one_of("CONTACT", "GROUP"),
    "name": _TEXT,
    "icon_url": _TEXT,
    "announcement": _TEXT,
    "created_at": _CREATED,
    "code_id": _TEXT,
    "code_url": _TEXT,
    "mute_until": _WHEN,
    "expire_in": _INTEGER,
    "participants": _LIST,
    "participant_sessions": _LIST,
    "circles": _LIST,
}

PARTICIPANT: Final[Shape] = {
    "type": _one_of("participant"),
    "user_id": _UUID,
    "role": _one_of("", "OWNER", "ADMIN"),
    "created_at": _CREATED,
}

PARTICIPANT_SESSION: Final[Shape] = {
    "type": _one_of("participant_session"),
    "user_id": _UUID,
    "session_id": _UUID,
    "public_key": _CURVE,
}

SESSION: Final[Shape] = {
    "user_id": _UUID,
    "session_id": _UUID,
    "public_key": _CURVE,
    "platform": _TEXT,
}
"""A session as ``/sessions/fetch`` shows it (section 9 [D])."""

ATTACHMENT: Final[Shape] = {
    "type": _one_of("attachment"),
    "attachment_id": _UUID,
    "upload_url": _TEXT,
    "view_url": _WORD,
    "created_at": _CREATED,
}
