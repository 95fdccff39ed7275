"""What a bot has instead of HTTP: lines and calls that take their time, break and get lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, Self

import aiohttp
from yarl import URL

from tests.simulation.clock import TURN


class Peer(Protocol):
    """The service, as a line and a call reach it."""

    def opened(self, line: Line) -> None:
        """A line is open."""

    def received(self, line: Line, frame: bytes) -> None:
        """A frame has come."""

    def refuses(self, bot_id: str, url: str, token: str) -> int | None:
        """Return the HTTP status that a handshake is refused with; 0: it hangs, None: it is not."""

    def called(self, bot_id: str, call: Call) -> Answer | None:
        """Return what a call is answered with; None: the connection breaks instead."""


class Call(NamedTuple):
    """A REST call."""

    method: str
    path: str
    body: bytes
    token: str


class Answer(NamedTuple):
    """What answers it: JSON, and the service's time in unix seconds."""

    body: bytes
    at: float


_CLOSED = SimpleNamespace(type=aiohttp.WSMsgType.CLOSED, data=None, is_bad=False)


class Line:
    """One open line, both ends of it. What is under way when it breaks may be lost."""

    def __init__(self, peer: Peer, network: Network) -> None:
        self.bot_id = network.bot_id
        self.close_code: int | None = None
        self.closed_by_bot: int | None = None
        self.listed = False
        self.bad_frames = 0
        """Frames read so far that cannot be understood."""
        self.choked = False
        """Whether the bot has ended the line upon such a frame."""
        self._last_is_bad = False
        self._peer = peer
        self._random = network.random
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._up_at = self._down_at = 0.0
        self._sent = self._arrived = 0
        self._arrives_until: int | None = None  # the last frame to arrive of those under way

    def _after(self, last: float) -> float:
        """Return when a frame arrives: never before the one that was sent before it."""
        return max(last + TURN, self._loop.time() + _latency(self._random))

    # The service's end

    def push(self, frame: bytes | str, *, is_bad: bool = False) -> None:
        """Send a frame to the bot; one of text is bad in any case."""
        self._down_at = self._after(self._down_at)
        kind = aiohttp.WSMsgType.TEXT if isinstance(frame, str) else aiohttp.WSMsgType.BINARY
        came = SimpleNamespace(type=kind, data=frame, is_bad=is_bad)
        self._loop.call_at(self._down_at, self._deliver, came)

    def _deliver(self, came: SimpleNamespace) -> None:
        if self.close_code is None:
            self._inbox.put_nowait(came)

    def cut(self, code: int = 1006) -> None:
        """Break the line; some of what the bot has sent may still arrive."""
        if self.close_code is None:
            self.close_code = code
            left = self._sent - self._arrived
            self._arrives_until = self._arrived + self._random.randint(0, left)
            self._inbox.put_nowait(_CLOSED)

    # The bot's end: an aiohttp.ClientWebSocketResponse

    async def send_bytes(self, data: bytes) -> None:
        """Send a frame to the service."""
        if self.close_code is not None:
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        self._sent += 1
        self._up_at = self._after(self._up_at)
        self._loop.call_at(self._up_at, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        self._arrived += 1
        if self._arrives_until is None or self._arrived <= self._arrives_until:
            self._peer.received(self, data)

    async def receive(self) -> Any:
        """Return the next frame, or that there is none."""
        self._last_is_bad = False
        came = await self._inbox.get()
        self._last_is_bad = came.is_bad
        self.bad_frames += came.is_bad
        return came

    async def close(self, *, code: int = 1000) -> None:
        """Close the line; what is under way to the service arrives."""
        if self.close_code is None:
            self.closed_by_bot = self.close_code = code
            self.choked = self._last_is_bad
            self._inbox.put_nowait(_CLOSED)

    def exception(self) -> None:
        """Return what broke the line, which nobody knows."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Network:
    """Takes the place of an ``aiohttp.ClientSession``, of one life of one bot."""

    def __init__(self, peer: Peer, bot_id: str, random: Random) -> None:
        self.bot_id = bot_id
        self.random = random
        self.closed = False
        self.is_dead = False
        self.lines: list[Line] = []
        self.handshakes: list[tuple[float, str, str]] = []
        """When, to where and with which token a line was asked for."""
        self.failed: list[int] = []
        """Which of these were refused."""
        self._peer = peer

    def die(self) -> None:
        """Let nothing more through, as when the process is gone."""
        self.is_dead = True
        for line in self.lines:
            line.cut()

    async def ws_connect(self, url: str, *, headers: dict[str, str], **_: Any) -> Line:
        """Open a line."""
        loop = asyncio.get_running_loop()
        token = _token(headers)
        self.handshakes.append((loop.time(), url, token))
        await asyncio.sleep(_latency(self.random))
        self._unless_dead()
        status = self._peer.refuses(self.bot_id, url, token)
        if status is not None:
            self.failed.append(len(self.handshakes) - 1)
        if status == 0:
            await asyncio.Event().wait()
        if status is not None:
            asked: Any = SimpleNamespace(real_url=url)
            raise aiohttp.WSServerHandshakeError(asked, (), status=status)
        line = Line(self._peer, self)
        self.lines.append(line)
        self._peer.opened(line)
        return line

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, url: URL, *, data: bytes, headers: dict[str, str], **_: Any
    ) -> AsyncIterator[_Response]:
        """Make a call."""
        call = Call(method, url.path, data, _token(headers))
        await asyncio.sleep(_latency(self.random))
        self._unless_dead()
        answer = self._peer.called(self.bot_id, call)
        await asyncio.sleep(_latency(self.random))
        self._unless_dead()
        if answer is None:
            raise aiohttp.ServerDisconnectedError
        yield _Response(answer)

    def _unless_dead(self) -> None:
        if self.is_dead:
            raise aiohttp.ServerDisconnectedError

    async def close(self) -> None:
        """Close all that is open."""
        self.closed = True


class _Response:
    status = 200

    def __init__(self, answer: Answer) -> None:
        self.content = self
        self.headers = {"X-Server-Time": str(int(answer.at * 1e9))}
        self._body = answer.body

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        yield self._body


def _token(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


def _latency(random: Random) -> float:
    """Return how long something is under way, in seconds: now and then very long."""
    return random.uniform(0.001, 0.05) if random.random() < 0.97 else random.uniform(0.1, 0.8)
