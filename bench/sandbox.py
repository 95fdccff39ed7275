"""What the sandbox carries on one core: durable echoes between people and a bot.

A round trip is a person's text, pushed to the bot, echoed, acknowledged, and the echo seen by the
person. People act and see through the control socket. Where the system lets it, the sandbox has one
core for itself, and the bot and the people share another.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import msgspec
import psutil

from bench.runs import RunFailed, announced, child
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess

MESSAGES: Final = 50_000
"""Round trips of one run."""

PEOPLE: Final = 200

WINDOW: Final = 1_000
"""Texts whose echo is not seen yet, at most."""

_BATCH: Final = 50
"""Texts in one command."""

_MIB: Final = 2**20


class SandboxResult(msgspec.Struct):
    """Medians over all rounds. ``cpu_us`` is what one round trip costs the sandbox."""

    name: str
    messages: int
    rounds: int
    rate: float
    cpu_us: float
    peak_mb: float


class _Run(msgspec.Struct):
    seconds: float
    cpu_seconds: float
    peak_mb: float


class _Message(msgspec.Struct):
    user_id: str
    text: str | None


class _Event(msgspec.Struct):
    person_id: str
    message: _Message


class _Frame(msgspec.Struct):
    """What comes on the control socket: people's events, or the answer to a command."""

    events: Sequence[_Event] = ()
    error: msgspec.Raw | None = None


_decode = msgspec.json.Decoder(_Frame).decode


async def run_sandbox(
    messages: int, rounds: int, *, limit: float, bot_does: str = "echo"
) -> SandboxResult:
    """Run the benchmark; ``limit`` is in seconds for one round.

    ``bot_does`` lets the bot do something else than echo, to see the run fail.

    Raises:
        RunFailed: an echo is missing, wrong, or there twice; or it took too long.
    """
    runs = [await _run(messages, limit, bot_does) for _ in range(rounds)]
    return SandboxResult(
        name="sandbox",
        messages=messages,
        rounds=rounds,
        rate=round(messages / median(run.seconds for run in runs)),
        cpu_us=round(median(run.cpu_seconds for run in runs) / messages * 1e6, 1),
        peak_mb=round(median(run.peak_mb for run in runs), 1),
    )


async def _run(messages: int, limit: float, bot_does: str) -> _Run:
    cores = _two_cores()
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        sandbox = SandboxProcess(
            Path(directory), environment={"BLAZEBOT_SANDBOX_QUOTA": str(100 * messages)}
        )
        with _pinned(cores[:1]):
            await sandbox.start()
        try:
            with _pinned(cores[1:]):
                return await _echo(sandbox, messages, limit, bot_does)
        finally:
            await sandbox.stop()


async def _echo(sandbox: SandboxProcess, messages: int, limit: float, bot_does: str) -> _Run:
    process = psutil.Process(sandbox.pid)
    async with aiohttp.ClientSession() as http:
        control = Control(http, sandbox.url)
        bot_id = await control.create_bot("Echo")
        keystore = await control.issue_session(bot_id, "app")
        answer = await control.call("POST", "/people", [{}] * PEOPLE)
        people = [person["user_id"] for person in answer["people"]]
        bot = ("bench.sandbox_bot", bot_does, sandbox.url, str(messages))
        async with (
            child(bot, BLAZEBOT_KEYSTORE=msgspec.json.encode(keystore).decode()) as process_of_bot,
            http.ws_connect(f"{sandbox.url}/control/socket", max_msg_size=0) as socket,
        ):
            await announced(process_of_bot)
            driver = _Driver(socket, people, bot_id, messages)
            cpu, began = process.cpu_times(), time.perf_counter()
            try:
                async with asyncio.timeout(limit):
                    await driver.run()
            except TimeoutError:
                raise RunFailed(
                    f"sandbox: {driver.missing} echoes are not seen in {limit:g} s"
                ) from None
            seconds, used = time.perf_counter() - began, process.cpu_times()
    cpu_seconds = used.user + used.system - cpu.user - cpu.system
    return _Run(seconds, cpu_seconds, process.memory_info().rss / _MIB)


class _Driver:
    """Sends texts for people, keeping ``WINDOW`` on their way, and takes their echoes."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        people: Sequence[str],
        bot_id: str,
        messages: int,
    ) -> None:
        self._socket = socket
        self._people = people
        self._bot_id = bot_id
        self._texts = iter(range(messages))
        self._awaited: set[tuple[str, str]] = set()
        self._left = messages
        self._commands = itertools.count()

    @property
    def missing(self) -> int:
        """Texts whose echo is not seen."""
        return self._left

    async def run(self) -> None:
        """Return when all echoes are seen."""
        await self._command("subscribe", people=None)
        await self._send()
        async for message in self._socket:
            frame = _decode(message.data)
            if frame.error is not None:
                raise RunFailed(f"sandbox: {bytes(frame.error).decode()}")
            for event in frame.events:
                if event.message.user_id == self._bot_id:
                    self._take(event)
            if not self._left:
                return
            if len(self._awaited) <= WINDOW - _BATCH:
                await self._send()
        raise RunFailed("sandbox: the control socket was closed")

    def _take(self, event: _Event) -> None:
        echo = event.person_id, event.message.text or ""
        if echo not in self._awaited:
            raise RunFailed(f"sandbox: {echo[1]!r} was not sent, or echoed before")
        self._awaited.remove(echo)
        self._left -= 1

    async def _send(self) -> None:
        while len(self._awaited) <= WINDOW - _BATCH:
            batch = [
                (self._people[number % len(self._people)], f"{number:07d} good morning to you")
                for number in itertools.islice(self._texts, _BATCH)
            ]
            if not batch:
                return
            self._awaited.update(batch)
            await self._command(
                "send",
                messages=[
                    {"person_id": person, "recipient_id": self._bot_id, "text": text}
                    for person, text in batch
                ],
            )

    async def _command(self, op: str, **arguments: object) -> None:
        command = {"op": op, "id": next(self._commands), **arguments}
        await self._socket.send_str(msgspec.json.encode(command).decode())


def _two_cores() -> list[int]:
    """Return two cores that this process may use; none where they cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    return cores[:2] if len(cores) > 1 else []


@contextmanager
def _pinned(cores: Sequence[int]) -> Iterator[None]:
    """Keep this process, and those that it starts, on these cores meanwhile."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
