"""Processes end in all ways while people write."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Coroutine, Sequence

from blazebot.testing.processes import Process
from tests.nats.fleet import Fleet


class Storm:
    """People write in waves, and between them something ends."""

    def __init__(self, fleet: Fleet, people: Sequence[str], *, texts: int, waves: int) -> None:
        self._fleet = fleet
        self._people = people
        self._waves = waves
        self._texts_in_wave = texts // waves
        self._wave = 0
        self.ended_with_work = 0

    async def run(self, ends: Sequence[Callable[[], Coroutine[None, None, None]]]) -> None:
        """Write all texts; each of ``ends`` falls while some are not answered."""
        due = list(ends)
        for _ in range(self._waves):
            await self._write()
            if due:
                await self._some_are_answered()
                await due.pop(0)()
        for end in due:
            await end()

    async def _write(self) -> None:
        first = self._wave * self._texts_in_wave
        self._wave += 1
        texts = [f"text {number}" for number in range(first, first + self._texts_in_wave)]
        await self._fleet.say(dict.fromkeys(self._people, texts))

    async def _some_are_answered(self) -> None:
        # While this wave is on: some of it is answered, and some at workers.
        fleet = self._fleet
        written = sum(map(len, fleet.sent.values()))
        goal = written - random.randint(1, max(1, self._texts_in_wave * len(self._people) // 2))
        await fleet.until(lambda: fleet.echoed() >= goal, 60)
        self.ended_with_work += fleet.echoed() < written


def kill(process: Process) -> Callable[[], Coroutine[None, None, None]]:
    """Return what ends a process with SIGKILL and starts it again."""

    async def end() -> None:
        await process.kill()
        await process.start()

    return end


def freeze_holder(fleet: Fleet, seconds: float) -> Callable[[], Coroutine[None, None, None]]:
    """Return what stops the gateway that holds the line for so long, with SIGSTOP."""

    async def end() -> None:
        holder = await fleet.holder()
        holder.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        holder.send_signal(signal.SIGCONT)

    return end
