"""Frames that cannot be understood, each in its own way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from blazebot.wire.codec import compress, encode_answer
from blazebot.wire.frames import CREATE_MESSAGE

FRAME_LIMIT: Final = 64 * 1024
"""Bytes that a frame may have once inflated: little, so that one that is larger costs little."""

BAD_FRAMES: Final[tuple[Callable[[Random], bytes | str], ...]] = (
    lambda random: random.randbytes(random.randint(0, 60)),
    lambda random: encode_answer("a", CREATE_MESSAGE)[: random.randint(1, 20)],  # cut off
    lambda _: encode_answer("a", CREATE_MESSAGE) + b"more",
    lambda _: compress(b"not json"),
    lambda _: compress(b'{"id": "", "action": "CREATE_MESSAGE"}'),
    lambda _: compress(b'{"id": "a", "action": "\xff"}'),
    lambda _: compress(b'{"id": "a", "action": ' + b"[" * 10_000),
    lambda _: compress(b'{"id": "a", "action": "' + b"b" * FRAME_LIMIT + b'"}'),
    lambda _: encode_answer("a", CREATE_MESSAGE, {"category": "PLAIN_TEXT"}),  # of no id
    lambda _: encode_answer("a", CREATE_MESSAGE, ["no", "message"]),
    lambda _: "text",
)
