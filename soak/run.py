"""One run: people write, the adversary breaks things, and in the end all is judged."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from blazebot.errors import SandboxError
from soak.adversary import Adversary
from soak.logs import unforeseen
from soak.people import Pace
from soak.plan import SIGNALS
from soak.report import Report
from soak.stage import Stage, staged
from soak.world import World

__all__ = ["Options", "RunFailed", "perform"]

_GREETED: Final = 90.0
_CALM: Final = 120.0  # seconds for what is being broken to be whole again
_SETTLE: Final = 120.0  # seconds in the end, and more by what is open
_SETTLED_A_SECOND: Final = 50
_UNFORESEEN_SHOWN: Final = 20
_QUIET: Final = 60.0  # seconds without any change after which nothing more is waited for
_QUIET_WITHOUT: Final = 8.0
_CAUGHT_UP: Final = 60.0
_PROGRESS_EVERY: Final = 5.0
_FULL_TEMPO: Final = 120.0  # seconds of a run that has time for everything
_LEAST_TEMPO: Final = 0.3
_MARGIN: Final = 1.1  # people write so much more than they must, for what is lost to kills


class RunFailed(Exception):
    """A run came to no end at which it could be judged."""


@dataclass(frozen=True)
class Options:
    """How a run goes: people write for ``seconds``.

    ``rate`` is messages a second; None takes the engine's. With ``without``, a mechanism that is
    switched off, the run ends as soon as something is wrong.
    """

    seed: int
    seconds: float
    rate: float | None = None
    without: str = ""

    @property
    def tempo(self) -> float:
        """What times of the adversary are stretched by."""
        return min(1.0, max(_LEAST_TEMPO, self.seconds / _FULL_TEMPO))


async def perform(world: World, options: Options) -> tuple[Report, list[str]]:
    """Run once; return what was found, and what was wrong in words.

    Raises:
        RunFailed: something that should hold the run itself did not.
    """
    patience = world.line_patience * options.tempo
    try:
        async with staged(world, options.seed, line_patience=patience) as stage:
            return await _Run(stage, options).perform()
    except* (SandboxError, TimeoutError) as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise RunFailed(f"{type(first).__name__}: {first}") from errors


class _Run:
    def __init__(self, stage: Stage, options: Options) -> None:
        self._stage = stage
        self._options = options
        self._pace = Pace(options.rate or stage.world.least_rate * _MARGIN, options.seconds)
        self._adversary = Adversary(options.seed, stage, options.tempo)
        self._began = time.monotonic()
        self._wrote_for = 0.0
        self._settled_in = 0.0

    async def perform(self) -> tuple[Report, list[str]]:
        stage = self._stage
        async with asyncio.TaskGroup() as tasks:
            watching = [
                tasks.create_task(stage.feed.run()),
                tasks.create_task(self._show_progress()),
            ]
            await stage.crowd.befriend()
            await stage.world.start_bot()
            if not await stage.feed.until(self._is_greeted, _GREETED):
                raise RunFailed(f"the bot has not answered at its start: {self._line()}")
            supervising = tasks.create_task(stage.supervisor.run())
            await self._write(tasks)
            await self._settle()
            supervising.cancel()
            await asyncio.wait([supervising])
            # What the bot is still about to send counts too: it may be a repeat.
            await stage.world.stop_bot()
            await self._catch_up()
            for task in watching:
                task.cancel()
        stage.checker.finish()
        return self._report(), stage.checker.findings

    def _is_greeted(self) -> bool:
        checker = self._stage.checker
        return (checker.counts.answered > 0 and not checker.open) or self._is_known_to_fail()

    async def _write(self, tasks: asyncio.TaskGroup) -> None:
        stage, options = self._stage, self._options
        errands = tasks.create_task(stage.crowd.run_errands())
        breaking = tasks.create_task(self._adversary.run())
        self._began = time.monotonic()
        await stage.crowd.write(self._pace, options.seconds, has_ended=self._is_known_to_fail)
        self._wrote_for = time.monotonic() - self._began
        errands.cancel()
        self._adversary.stop()
        async with asyncio.timeout(_CALM):
            await breaking

    def _is_known_to_fail(self) -> bool:
        return bool(self._options.without and self._stage.checker.counts.failures)

    async def _settle(self) -> None:
        """Wait until all is answered and read, or until nothing changes any more."""
        began = time.monotonic()
        within = _SETTLE + self._stage.checker.open / _SETTLED_A_SECOND
        quiet = _QUIET_WITHOUT if self._options.without else _QUIET
        while self._stage.checker.open and not self._is_known_to_fail():
            moved = partial(self._has_moved, self._progress())
            if time.monotonic() - began > within or not await self._stage.feed.until(moved, quiet):
                break
        self._settled_in = time.monotonic() - began

    def _progress(self) -> tuple[int, int]:
        return self._stage.checker.open, self._stage.checker.counts.answered

    def _has_moved(self, before: tuple[int, int]) -> bool:
        return self._progress() != before

    async def _catch_up(self) -> None:
        stage = self._stage
        newest = (await stage.control.call("GET", "/health"))["cursor"]
        if not await stage.feed.until(lambda: stage.feed.cursor >= newest, _CAUGHT_UP):
            raise RunFailed("people do not see all that there is")

    # What is told

    async def _show_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_EVERY)
            print(self._line(), file=sys.stderr, flush=True)

    def _line(self) -> str:
        counts, adversary = self._stage.checker.counts, self._adversary
        seconds = time.monotonic() - self._began
        wrong = ", ".join(f"{count} {name}" for name, count in counts.failures.items())
        return (
            f"{seconds:5.0f} s  {counts.messages:,} written ({counts.messages / seconds:.0f}/s), "
            f"{counts.answered:,} answered, {self._stage.checker.open:,} open; "
            f"{adversary.faults.total()} strikes, "
            f"{sum(one.total() for one in adversary.signals.values())} signals; "
            f"{wrong or 'nothing wrong'}{f'; {adversary.now}' if adversary.now else ''}"
        )

    def _unforeseen_in_logs(self) -> list[str]:
        """Return what processes wrote that nobody has foreseen, each once."""
        found: dict[str, None] = {}
        for name, process in self._stage.world.processes.items():
            with process.logger.open(errors="replace") as lines:
                found |= dict.fromkeys(f"{name} wrote: {words}" for words in unforeseen(lines))
        return list(found)[:_UNFORESEEN_SHOWN]

    def _report(self) -> Report:
        stage, adversary = self._stage, self._adversary
        counts = stage.checker.counts
        signals = {
            name: {one.name: adversary.signals[name][one.name] for one in SIGNALS}
            for name in stage.world.processes
        }
        return Report(
            seed=self._options.seed,
            engine=stage.world.engine,
            versions=stage.world.versions,
            seconds=self._wrote_for,
            least_rate=stage.world.least_rate,
            least_burst_rate=stage.world.least_burst_rate,
            encrypted=counts.encrypted / max(1, counts.messages),
            bursts=len(stage.crowd.burst_rates),
            burst_rate=min(stage.crowd.burst_rates, default=0.0),
            faults={kind: adversary.faults[kind] for kind in adversary.kinds},
            excused=dict(adversary.excused),
            kills=signals,
            amid_work=adversary.amid_work,
            disk_filled=adversary.others["disk"],
            time_moved=adversary.others["time"],
            sessions_renewed=adversary.others["session"],
            ends={name: dict(ends) for name, ends in stage.supervisor.ends.items()},
            alarms=stage.supervisor.alarms,
            unforeseen=[*stage.supervisor.unforeseen, *self._unforeseen_in_logs()],
            calms=adversary.calms,
            settled_in=self._settled_in,
            counts=counts,
            skipped=[
                *stage.world.left_out,
                *(() if stage.world.disk.was_mounted else ("disk",)),
            ],
        )
