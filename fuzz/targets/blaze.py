"""The Blaze endpoint, and a client that sends it whatever it likes once the line is open."""

from __future__ import annotations

import asyncio
import json
import zlib
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

from blazebot.errors import FrameError
from blazebot.wire.codec import compress, decompress
from fuzz import websocket
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.served import UNREADABLE, Served, error_of, served
from fuzz.targets.rest import CALLS
from fuzz.watch import check, check_shows_none
from fuzz.worlds import Attempt, in_loop

_MESSAGE: Final = next(body for _, path, body in CALLS if path == "/messages")[0]
_RECEIPT: Final = {"message_id": "@messages", "status": "READ"}

_REQUESTS: Final[tuple[tuple[str, Any], ...]] = (
    ("LIST_PENDING_MESSAGES", None),
    ("LIST_PENDING_MESSAGES", {"offset": None}),
    ("CREATE_MESSAGE", _MESSAGE),
    ("CREATE_PLAIN_MESSAGES", {"messages": [_MESSAGE, _MESSAGE]}),
    ("ACKNOWLEDGE_MESSAGE_RECEIPT", _RECEIPT),
    ("ACKNOWLEDGE_MESSAGE_RECEIPTS", {"messages": [_RECEIPT, _RECEIPT]}),
    ("REFRESH_SOMETHING", {}),
)
_LAST: Final = "the-last-one"

PATIENCE: Final = 5.0
"""Seconds within which the last request is answered, or the line ended."""
_QUIET: Final = 0.3  # seconds, where the sandbox may wait for more
_BOMB: Final = zlib.compress(bytes(64 * 1024 * 1024), 9, 31)


async def _attempt(world: Served, choices: Choices) -> None:
    secrets = set(world.watch.secrets)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.url.rpartition(":")[2])
    try:
        writer.write(_handshake(world, choices))
        status = await reader.readline()
        if status.split(b" ")[1:2] == [b"101"]:
            while (await reader.readline()).strip():
                pass
            await _speak(world, choices, reader, writer)
    finally:
        writer.transport.abort()
    await world.check_alive()
    world.forget_secrets(secrets)


def _handshake(world: Served, choices: Choices) -> bytes:
    token = world.sign(world.keystore, "GET", "/")
    lines = [
        "GET / HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: Mixin-Blaze-1",
    ]
    if choices.once_in(16):
        del lines[choices.below(len(lines))]
        # No end of the headers: what stands behind it would be frames.
        lines.insert(choices.below(len(lines) + 1), choices.text().replace("\n", ""))
    if choices.once_in(16):
        lines.append("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


async def _speak(
    world: Served,
    choices: Choices,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Send what is odd, then a good request: that is answered, or the line ends."""
    odd = b"".join(_words(world, choices) for _ in range(1 + choices.below(8)))
    last = json.dumps({"id": _LAST, "action": "LIST_PENDING_MESSAGES"}).encode()
    writer.write(odd + websocket.frame(compress(last), masked=True))
    if choices.once_in(8):
        with suppress(OSError):  # the line may have ended
            writer.write_eof()
    # A frame that announces more than it has swallows the request.
    is_asked = websocket.is_whole(odd)
    try:
        async with asyncio.timeout(PATIENCE if is_asked else _QUIET):
            await _read_to_the_end(world, reader)
    except TimeoutError:
        check(not is_asked, f"neither an answer nor an end of the line within {PATIENCE:g} s")


async def _read_to_the_end(world: Served, reader: asyncio.StreamReader) -> None:
    """Read until the last request is answered or the line has ended."""
    async for opcode, payload in websocket.frames(reader):
        if opcode == websocket.CLOSE:
            return
        if opcode != websocket.BINARY:
            continue
        try:
            text = decompress(payload)
        except FrameError as error:
            check(False, f"the sandbox sent {error}")
        check_shows_none(text.decode("utf-8", "replace"), world.watch.secrets)
        error_of(text)
        if _LAST.encode() in text:
            return


def _words(world: Served, choices: Choices) -> bytes:
    match choices.below(8):
        case 7:
            return websocket.odd_frame(choices, choices.some(), masked=True)
        case 6:
            return websocket.frame(choices.some(), choices.pick((1, 2, 9, 10)), masked=True)
        case 5 if choices.once_in(16):
            return websocket.frame(_BOMB, masked=True)
    action, params = choices.pick(_REQUESTS)
    request = {"id": choices.new_id(), "action": action}
    if params is not None:
        request["params"] = bent(choices, filled(choices, params, world.ids))
    text = spelled(choices, bent(choices, request) if choices.once_in(4) else request)
    packed = compress(text)
    if choices.once_in(8):
        at = choices.below(len(packed) + 1)
        packed = packed[:at] + choices.some() + packed[at + choices.below(16) :]
    return websocket.frame(packed, masked=True)


def blaze() -> AbstractContextManager[Attempt]:
    """Handshakes, WebSocket frames, gzip frames and sequences of requests."""
    return in_loop(served, _attempt, allowed=UNREADABLE)
