"""What tests of abuse share: raw requests and frames, a talk that goes on, what a process takes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

import psutil

from blazebot import Bot
from tests.wire.sandbox_peers import DEADLINE
from tests.wire.world import World

logger = logging.getLogger("abuse")  # figures, for who asks: --log-cli-level=INFO

MIB = 1024 * 1024
SLOWEST = 2.0
"""Seconds that an answer of a bot may take meanwhile, on a machine that does other things too."""

_GIVEN_BACK = 45.0
"""Seconds for descriptors: a line whose other side says nothing is left after two heartbeats."""


class Talk:
    """A person and a bot that echoes, who go on talking until they are told to end."""

    def __init__(self, world: World, bot: Bot) -> None:
        self._world = world
        self._bot = bot
        self.ended = asyncio.Event()
        self.answers = 0
        self.slowest = 0.0
        """Seconds that the slowest answer took."""

    async def go_on(self) -> None:
        """Talk until the end."""
        world, bot = self._world, self._bot
        alice = await world.person(bot)
        said: list[str] = []
        while self.answers < 5 or not self.ended.is_set():
            said.append(str(len(said)))
            began = time.monotonic()
            await world.say(alice, bot, said[-1])
            await world.until_texts(alice, bot, said)
            self.answers += 1
            self.slowest = max(self.slowest, time.monotonic() - began)


@asynccontextmanager
async def talking(world: World, bot: Bot) -> AsyncIterator[None]:
    """Let a person and a bot that is served talk meanwhile; no answer may take long."""
    talk = Talk(world, bot)
    task = asyncio.create_task(talk.go_on())
    try:
        yield
    finally:
        talk.ended.set()
        await task
    logger.info("%d answers, the slowest in %.3f s", talk.answers, talk.slowest)
    assert talk.slowest < SLOWEST


class Usage:
    """Memory and descriptors of a process: before, at most, and now."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before = self.most = self._process.memory_info().rss
        self._files = self._process.num_fds()

    async def sample(self) -> None:
        """Look at the memory, again and again."""
        while True:
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.02)

    @property
    def now(self) -> int:
        """Bytes of memory."""
        rss: int = self._process.memory_info().rss
        return rss

    @property
    def files(self) -> int:
        """Descriptors more than before."""
        count: int = self._process.num_fds() - self._files
        return count


@asynccontextmanager
async def bounded(pid: int, mib: int, *, files: int = 8) -> AsyncIterator[Usage]:
    """See that a process takes at most so much memory more, and gives its descriptors back."""
    usage = Usage(pid)
    sampling = asyncio.create_task(usage.sample())
    try:
        yield usage
        await until(lambda: usage.files <= files, _GIVEN_BACK)
    finally:
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
    mib_of = [one // MIB for one in (usage.before, usage.most, usage.now)]
    logger.info("memory in MiB: %d before, %d at most, %d after", *mib_of)
    assert (usage.most - usage.before) / MIB < mib


async def until(condition: Callable[[], bool], within: float = DEADLINE) -> None:
    """Wait until it is so in another process."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def read_no_more(writer: asyncio.StreamWriter) -> None:
    """Leave what comes on this connection unread."""
    cast("asyncio.Transport", writer.transport).pause_reading()


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection."""
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def answer_to(url: str, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send a request in pieces, and return all that is answered until the other side closes."""
    reader, writer = await dial(url)
    sending = asyncio.create_task(_send(writer, pieces, pause))
    answer = b""
    try:
        async with asyncio.timeout(DEADLINE):
            with suppress(ConnectionError):
                while piece := await reader.read(MIB):
                    answer += piece
    finally:
        sending.cancel()
        writer.transport.abort()
    return answer


async def _send(writer: asyncio.StreamWriter, pieces: tuple[bytes, ...], pause: float) -> None:
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)


async def until_cut(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Go on writing a piece until the other side has cut the connection."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


def head(request: str, **headers: str) -> bytes:
    """Return the head of a request to loopback, such as ``GET /me``."""
    fields = {"Host": "127.0.0.1", "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(answer: bytes) -> int:
    """Return the status of an answer, 0 if there is none."""
    words = answer[:12].split(b" ")
    return int(words[1]) if len(words) > 1 else 0


def websocket_frame(
    payload: bytes, opcode: int = 2, *, fin: bool = True, rsv: int = 0, announced: int = -1
) -> bytes:
    """Return a client's frame of a WebSocket, which may announce another length than it has."""
    size = len(payload) if announced < 0 else announced
    first = bytes([(0x80 if fin else 0) | rsv | opcode])
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 2**16:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return first + length + bytes(4) + payload  # a mask of zeros changes nothing


async def closed_with(reader: asyncio.StreamReader) -> int:
    """Read a server's frames up to the one that closes, and return its code."""
    async with asyncio.timeout(DEADLINE):
        while True:
            first, size = await reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await reader.readexactly(8), "big")
            payload = await reader.readexactly(size)
            if first & 0x0F == 8:
                return int.from_bytes(payload[:2], "big")
