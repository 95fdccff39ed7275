"""What starts processes again that have ended, as whoever operates a bot has something to."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from blazebot.errors import SandboxError
from blazebot.testing.control import People
from blazebot.testing.processes import Process

__all__ = ["Supervisor"]

_PAUSE: Final = 0.3
_LOOK_EVERY: Final = 1.0
_START_TRIES: Final = 3
_ENDED_WITHIN: Final = 20.0
_CALMED: Final = 5.0  # seconds in which the last fault may still take the line


class Supervisor:
    """Starts each process again once it has ended, and those that hold no line when they should.

    ``holders`` are the names of the processes of which one holds the bot's line. A bot that is
    refused for good, such as while clocks are off, waits for another keystore: when there was no
    line for ``patience`` seconds it is ended and started anew, as a liveness probe does.

    ``is_foreseen(name, status, signals)`` tells whether a process may end with this status after
    those signals.
    """

    def __init__(
        self,
        processes: Mapping[str, Process],
        holders: tuple[str, ...],
        people: People,
        bot_id: str,
        *,
        patience: float,
        is_foreseen: Callable[[str, int, frozenset[int]], bool],
    ) -> None:
        self.processes = processes
        self._holders = holders
        self._people = people
        self._bot_id = bot_id
        self._patience = patience
        self._is_foreseen = is_foreseen
        self._signals: dict[int, set[int]] = defaultdict(set)  # by process id
        self.ends: dict[str, Counter[int]] = defaultdict(Counter)
        """How often each process has ended, by its exit status, negative for a signal's number."""
        self.alarms = 0
        """How often there was no line for too long."""
        self.calm_since: float | None = None
        """Since when nothing is broken, by the monotonic clock; None while anything may be."""
        self.unforeseen: list[str] = []
        """Ends and alarms that nothing explains which was done to the bot, in words."""

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

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal, which explains how it ends."""
        process = self.processes[name]
        self._signals[process.pid].add(number)
        process.send_signal(number)

    async def _keep(self, name: str, process: Process) -> None:
        while True:
            pid = process.pid
            status = await process.wait()
            self.ends[name][status] += 1
            if not self._is_foreseen(name, status, frozenset(self._signals.pop(pid, ()))):
                self.unforeseen.append(f"{name} ended by itself with {status}")
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
                self._note_alarm(away)
                away = 0.0
                await asyncio.gather(*(self.restart(name) for name in self._holders))

    def _note_alarm(self, away: float) -> None:
        self.alarms += 1
        lost = time.monotonic() - away
        if self.calm_since is not None and lost > self.calm_since + _CALMED:
            self.unforeseen.append(f"no line for {away:g} s while nothing was broken")

    async def restart(self, name: str) -> None:
        """End a process with SIGTERM, so that it is started again; one that does not end is killed.

        The limit for that is its own grace and more.
        """
        process = self.processes[name]
        if not process.is_running:
            return
        pid = process.pid
        process.send_signal(signal.SIGCONT)
        self.signal(name, signal.SIGTERM)
        try:
            await self.replaced(name, pid, _ENDED_WITHIN)
        except TimeoutError:
            self.signal(name, signal.SIGKILL)
