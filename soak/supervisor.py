"""What starts processes again that have ended, as whoever operates a bot has something to."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from blazebot.errors import SandboxError
from blazebot.testing.control import People
from blazebot.testing.processes import Process

__all__ = ["Supervisor"]

_PAUSE: Final = 0.3
_LOOK_EVERY: Final = 1.0
_START_TRIES: Final = 3
_ENDED_WITHIN: Final = 20.0


class Supervisor:
    """Starts each process again once it has ended, and those that hold no line when they should.

    ``holders`` are the names of the processes of which one holds the bot's line. A bot that is
    refused for good, such as while clocks are off, waits for another keystore: when there was no
    line for ``patience`` seconds it is ended and started anew, as a liveness probe does.
    """

    def __init__(
        self,
        processes: Mapping[str, Process],
        holders: tuple[str, ...],
        people: People,
        bot_id: str,
        *,
        patience: float,
    ) -> None:
        self.processes = processes
        self._holders = holders
        self._people = people
        self._bot_id = bot_id
        self._patience = patience
        self.ends: dict[str, Counter[int]] = defaultdict(Counter)
        """How often each process has ended, by its exit status, negative for a signal's number."""
        self.alarms = 0
        """How often there was no line for too long."""

    async def run(self) -> None:
        """Look after all processes, which run already, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, process in self.processes.items():
                tasks.create_task(self._keep(name, process))
            tasks.create_task(self._watch_line())

    async def replaced(self, name: str, pid: int, within: float) -> None:
        """Return once another process has taken the place of ``pid``; raises TimeoutError."""
        process = self.processes[name]
        async with asyncio.timeout(within):
            while process.pid == pid or not process.is_running:  # noqa: ASYNC110 - another process
                await asyncio.sleep(_PAUSE)

    async def _keep(self, name: str, process: Process) -> None:
        while True:
            self.ends[name][await process.wait()] += 1
            await asyncio.sleep(_PAUSE)
            for left in reversed(range(_START_TRIES)):
                try:
                    await process.start()
                    break
                except SandboxError:
                    if not left:
                        raise

    async def _watch_line(self) -> None:
        away = 0.0
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                state = await self._people.call("bot", bot_id=self._bot_id)
            except SandboxError:
                continue
            away = 0.0 if state["connected"] else away + _LOOK_EVERY
            if away >= self._patience:
                away = 0.0
                self.alarms += 1
                await asyncio.gather(*(self.restart(name) for name in self._holders))

    async def restart(self, name: str) -> None:
        """End a process with SIGTERM, so that it is started again; one that does not end is killed.

        The limit for that is its own grace and more.
        """
        process = self.processes[name]
        if not process.is_running:
            return
        pid = process.pid
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            await self.replaced(name, pid, _ENDED_WITHIN)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
