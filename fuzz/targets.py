"""What is fuzzed: each takes any bytes, and raises only if a promise is broken."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.errors import ContentError, DecryptionError, FrameError
from blazebot.keys.encryption import MessageCipher, Recipient
from blazebot.wire.codec import compress, decode_frame, decode_json, parse_frame
from blazebot.wire.content import CATEGORIES, Content, Invalid, decode_bytes, decode_content
from blazebot.wire.messages import IncomingRequest, MessageView

_SESSION: Final = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
_CIPHER: Final = MessageCipher(_SESSION, Ed25519PrivateKey.from_private_bytes(bytes(32)))
_CATEGORIES: Final = sorted(CATEGORIES)


def codec(data: bytes) -> None:
    """Frames: as they come, and as what they hold once inflated."""
    for read in (decode_frame, lambda raw: decode_frame(compress(raw)), parse_frame):
        try:
            frame = read(data)
        except FrameError:
            continue
        for kind in (MessageView, IncomingRequest):
            for part in (frame.data, frame.params):
                try:
                    view = decode_json(part, kind)
                except FrameError:
                    continue
                if isinstance(view, MessageView):
                    view.created  # noqa: B018 - reads a time of any form
                    decode_content(view.category or "", view.data_base64, view.data)


def content(data: bytes) -> None:
    """Contents: any bytes as any category; what is read can be written, and reads the same."""
    if not data:
        return
    category = _CATEGORIES[data[0] % len(_CATEGORIES)]
    read = decode_bytes(category, data[1:])
    decode_content(category, data[1:].decode("latin-1"), None)
    if not isinstance(read, Invalid):
        _same_again(read)


def _same_again(read: Content) -> None:
    try:
        raw = read.encode(_SESSION)
    except ContentError:
        return  # others may send what we would not
    again = decode_bytes(read.category, raw)
    if again != read:
        raise AssertionError(f"{read!r} became {again!r}")


def decryption(data: bytes) -> None:
    """Encrypted messages: any bytes, and a good one with bytes changed."""
    with contextlib.suppress(DecryptionError):
        _CIPHER.decrypt(data)
    whole = _CIPHER.encrypt(data, [Recipient(_SESSION, _CIPHER.public_key)])
    if _CIPHER.decrypt(whole) != data:
        raise AssertionError("what was encrypted is not what was decrypted")
    position = len(data) * 7919 % len(whole)
    broken = (
        whole[:position] + bytes([whole[position] ^ (len(data) % 255 + 1)]) + whole[position + 1 :]
    )
    try:
        if _CIPHER.decrypt(broken) != data:
            raise AssertionError("changed bytes gave other text")
    except DecryptionError:
        pass


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "codec": codec,
    "content": content,
    "decryption": decryption,
}
