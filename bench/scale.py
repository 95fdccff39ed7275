"""How quick the sandbox is with many bots and messages in it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp
import msgspec

from bench.frames import (
    ACKNOWLEDGE_BATCH,
    CREATE,
    LIST_PENDING,
    SUBPROTOCOL,
    Frame,
    Params,
    Receipt,
    Request,
    compress,
    decompress,
    encode_base64,
)
from bench.population import Population, populate
from bench.runs import RunFailed
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess

BOTS: Final = 3_000
MESSAGES: Final = 1_000_000

_SAMPLES: Final = 100
_WEEK: Final = 7 * 24 * 3600.0

_decode = msgspec.json.Decoder(Frame).decode
_encode = msgspec.json.Encoder().encode


class Timing(msgspec.Struct):
    """How long something took: the middle one of all, and the slowest but for one in a hundred."""

    name: str
    samples: int
    p50_ms: float
    p99_ms: float


class ScaleResult(msgspec.Struct):
    """The timings with so many bots and messages, and what the sandbox needs for them."""

    name: str
    bots: int
    messages: int
    file_mb: float
    timings: list[Timing]


async def run_scale(*, bots: int, messages: int, limit: float) -> ScaleResult:
    """Fill a database, serve it, and time what bots and people do, in at most ``limit`` seconds.

    Raises:
        RunFailed: it took longer.
    """
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        file = Path(directory) / "sandbox.db"
        population = populate(file, bots=bots, messages=messages)
        sandbox = SandboxProcess(Path(directory))
        began = time.perf_counter()
        await sandbox.start()
        timings = [_timing("start", [time.perf_counter() - began])]
        try:
            async with aiohttp.ClientSession() as http, asyncio.timeout(limit):
                timings += await _Scale(http, sandbox.url, population).measure()
        except TimeoutError:
            raise RunFailed(f"scale: it was not done in {limit:g} s") from None
        finally:
            await sandbox.stop()
        size = file.stat().st_size / 2**20
    return ScaleResult("scale", bots, messages, round(size, 1), timings)


def _timing(name: str, seconds: Sequence[float]) -> Timing:
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return Timing(name, len(ordered), round(p50 * 1e3, 2), round(p99 * 1e3, 2))


class _Bot:
    """A bot's line."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def request(self, action: str, params: Params | None = None) -> None:
        """Ask, and return when it was answered; what is pushed meanwhile is passed over."""
        request = Request(str(uuid4()), action, params)
        await self._socket.send_bytes(compress(_encode(request)))
        while (await self.frame()).id != request.id:
            pass

    async def frame(self) -> Frame:
        message = await self._socket.receive()
        return _decode(decompress(message.data))

    async def pushed(self) -> Frame:
        """Return the next message."""
        while (frame := await self.frame()).action != CREATE or frame.data is None:
            pass
        return frame


class _Scale:
    def __init__(self, http: aiohttp.ClientSession, url: str, population: Population) -> None:
        self._http = http
        self._url = url
        self._control = Control(http, url)
        self._population = population

    async def measure(self) -> list[Timing]:
        known = self._population
        busy = f"/people/{known.busy_person}/conversations"
        friend = f"/people/{known.people[0]}/conversations"
        history = f"{busy}/{known.long_conversation}/messages?limit=100"
        return [
            await self._each("handshake", known.bots[:_SAMPLES], self._connect),
            await self._each(f"{known.pending} pending", known.bots_with_pending[:20], self._list),
            await self._echoes("echo"),
            await self._calls("100 of a history", history),
            await self._calls("conversations of one person", friend),
            await self._calls("conversations with all bots", busy, samples=5),
            await self._calls("all bots", "/bots", samples=5),
            *await self._expire(),
        ]

    async def _each(
        self, name: str, bots: Sequence[Keystore], act: Callable[[Keystore], Awaitable[Any]]
    ) -> Timing:
        seconds = []
        for bot in bots:
            began = time.perf_counter()
            await act(bot)
            seconds.append(time.perf_counter() - began)
        return _timing(name, seconds)

    async def _calls(self, name: str, path: str, samples: int = _SAMPLES) -> Timing:
        seconds = []
        for _ in range(samples):
            began = time.perf_counter()
            await self._control.call("GET", path)
            seconds.append(time.perf_counter() - began)
        return _timing(name, seconds)

    async def _connect(self, bot: Keystore) -> _Bot:
        token = sign_token(bot, "GET", "/", now=time.time())
        socket = await self._http.ws_connect(
            self._url, protocols=(SUBPROTOCOL,), headers={"Authorization": f"Bearer {token}"}
        )
        return _Bot(socket)

    async def _list(self, bot: Keystore) -> None:
        """Connect, and receive and acknowledge all that is pending."""
        line = await self._connect(bot)
        await line.request(LIST_PENDING)
        views = [(await line.pushed()).data for _ in range(self._population.pending)]
        receipts = [Receipt(view.message_id) for view in views if view is not None]
        for start in range(0, len(receipts), 100):
            await line.request(ACKNOWLEDGE_BATCH, Params(messages=receipts[start : start + 100]))

    async def _echoes(self, name: str, until: asyncio.Event | None = None) -> Timing:
        """Time echoes, one after another: as many as usual, or until something else is done."""
        bot, person = self._population.bots[0], self._population.busy_person
        line = await self._connect(bot)
        await line.request(LIST_PENDING)
        seconds: list[float] = []
        async with self._http.ws_connect(f"{self._url}/control/socket") as people:
            await people.send_json({"op": "subscribe", "id": 0, "people": [person]})
            while not seconds or (not until.is_set() if until else len(seconds) < _SAMPLES):
                began = time.perf_counter()
                await self._echo(line, people, bot.app_id, person)
                seconds.append(time.perf_counter() - began)
        return _timing(name, seconds)

    async def _echo(
        self, line: _Bot, people: aiohttp.ClientWebSocketResponse, bot_id: str, person: str
    ) -> None:
        message = {"person_id": person, "recipient_id": bot_id, "text": "good morning"}
        await people.send_json({"op": "send", "id": 1, "messages": [message]})
        view = (await line.pushed()).data
        if view is None:
            return
        echo = Params(
            conversation_id=view.conversation_id,
            message_id=str(uuid4()),
            category=view.category,
            data_base64=encode_base64(b"good morning"),
        )
        await line.request(CREATE, echo)
        await line.request(ACKNOWLEDGE_BATCH, Params(messages=[Receipt(view.message_id)]))
        while True:
            frame = await people.receive_json()
            for event in frame.get("events", ()):
                if event["message"]["message_id"] == echo.message_id:
                    return

    async def _expire(self) -> list[Timing]:
        """Move the clock so that all that is pending is too old; time echoes meanwhile."""
        over = asyncio.Event()
        # What is due at the same time ends in the order of ids.
        bot = max(self._population.bots_with_pending, key=lambda one: one.app_id)
        echoes = asyncio.create_task(self._echoes("echo, while much expires", until=over))
        began = time.perf_counter()
        await self._control.call("POST", "/clocks", {"retention_offset": 2 * _WEEK})
        moved = time.perf_counter()
        while (await self._control.bot(bot.app_id))["pending"]:
            pass
        ended = time.perf_counter()
        over.set()
        return [
            _timing("the clock is moved", [moved - began]),
            _timing("all that is pending expires", [ended - began]),
            await echoes,
        ]
