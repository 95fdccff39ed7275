"""The signed text that a button's press sends: its label, and what it means. Pure."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final, Literal, NamedTuple

import msgspec

from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64, encode_base64

MAC_LENGTH: Final = 12
"""Bytes of a signature: HMAC-SHA256, cut. Each guess costs a message."""

_CONTEXT: Final = b"blazebot callback 1"
_TEXT: Final = re.compile(r"(?:\A|\s)~([A-Za-z0-9_-]{20,200})\s*\Z")

Reason = Literal["expired", "signature"]


class Signed(NamedTuple):
    """What was signed: a callback's bytes, and until when it holds in unix seconds; 0: for ever."""

    expires_at: int
    callback: bytes


class CallbackSigner:
    """Signs callbacks of the bot ``app_id`` with ``key``, each for one conversation."""

    def __init__(self, key: bytes, app_id: str) -> None:
        self._key = key
        self._app_id = app_id

    def text(self, label: str, conversation_id: str, signed: Signed) -> str:
        """Return the text of a press: the label, for people to read, and the signed callback."""
        body = msgspec.msgpack.encode(signed)
        return f"{label} ~{encode_base64(self._mac(conversation_id, body) + body)}"

    def read(self, text: str, conversation_id: str, now: float) -> Signed | Reason | None:
        """Return what was signed, why it does not hold, or None if ``text`` is no such text."""
        found = _TEXT.search(text)
        if found is None:
            return None
        try:
            token = decode_base64(found[1])
        except ContentError:
            return None
        body = token[MAC_LENGTH:]
        if not hmac.compare_digest(token[:MAC_LENGTH], self._mac(conversation_id, body)):
            return "signature"
        signed = msgspec.msgpack.decode(body, type=Signed)
        return "expired" if signed.expires_at and signed.expires_at <= now else signed

    def _mac(self, conversation_id: str, body: bytes) -> bytes:
        signed = b"\0".join(
            (_CONTEXT, self._app_id.encode(), conversation_id.lower().encode(), body)
        )
        return hmac.digest(self._key, signed, sha256)[:MAC_LENGTH]
