"""WebSocket frames as bytes, well made or not, and what is read of well-made ones (RFC 6455)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Final

from fuzz.choices import Choices

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9

_MASK: Final = b"\x0f\xf0\xaa\x55"
_MEDIUM, _LARGE = 126, 127


def frame(payload: bytes, opcode: int = BINARY, *, masked: bool, first: int = 0x80) -> bytes:
    """Return one frame; ``first`` are the upper bits of its first byte: FIN and the reserved."""
    head = bytes([first | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < _MEDIUM:
        head += bytes([bit | len(payload)])
    elif len(payload) < 2**16:
        head += struct.pack(">BH", bit | _MEDIUM, len(payload))
    else:
        head += struct.pack(">BQ", bit | _LARGE, len(payload))
    if not masked:
        return head + payload
    keys = _MASK * (len(payload) // 4 + 1)
    return head + _MASK + bytes(a ^ b for a, b in zip(payload, keys, strict=False))


def odd_frame(choices: Choices, payload: bytes, *, masked: bool) -> bytes:
    """Return what is no frame that anybody should send."""
    pieces = [frame(one, masked=masked, first=0) for one in (payload, payload)]
    return choices.pick(
        (
            # Reserved bits, or not the last of a message.
            frame(payload, masked=masked, first=choices.pick((0xC0, 0xA0, 0x90, 0x00))),
            frame(payload, choices.below(16), masked=masked),
            frame(payload, masked=not masked),
            # A length that never comes.
            bytes([0x82, 0xFF if masked else 0x7F]) + choices.raw(8).rjust(8, b"\x7f"),
            # A control frame that is too long, or in pieces.
            frame(payload * 3, PING, masked=masked, first=choices.pick((0x80, 0))),
            frame(choices.some(), CLOSE, masked=masked),
            # A message in pieces, another in between.
            pieces[0] + frame(b"", PING, masked=masked) + pieces[1],
            choices.some(),
        )
    )


def is_whole(data: bytes) -> bool:
    """Tell whether ``data``, from its first frame on, ends with a frame: no more is waited for."""
    at = 0
    while at + 1 < len(data):
        second = data[at + 1]
        size, wide = second & 0x7F, 0
        if size >= _MEDIUM:
            wide = 2 if size == _MEDIUM else 8
            size = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
        at += 2 + wide + (4 if second & 0x80 else 0) + size
    return at == len(data)


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """Yield opcode and payload of each frame of a peer that makes no mistakes, until it ends."""
    try:
        while True:
            first, size = await reader.readexactly(2)
            if size == _MEDIUM:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
            elif size == _LARGE:
                (size,) = struct.unpack(">Q", await reader.readexactly(8))
            yield first & 0x0F, await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
