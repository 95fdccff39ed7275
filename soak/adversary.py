"""Does what the plan says: faults of the service on one track, all else on another."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from blazebot.errors import SandboxError
from soak.plan import (
    Calm,
    FaultKind,
    FaultStep,
    FillDisk,
    Interruption,
    MoveTime,
    SignalStep,
    excused_by,
    fault_steps,
    faults_of,
    interruptions,
)
from soak.stage import Stage

__all__ = ["Adversary"]

logger = logging.getLogger("soak")

_AMID_WORK: Final = 5  # messages delivered and not acknowledged
_MOMENT: Final = 3.0  # seconds to wait for such a moment
_BACK: Final = 60.0  # seconds for a process to be there again
_DRAINED: Final = 30.0  # seconds for what is encrypted for the old session to be read
_FEW: Final = 10_000  # unanswered messages: those that are encrypted are soon read
_NEWER: Final = 10  # tries to have a new session
_STRIKE_TRIES: Final = 3  # steps in a row until a fault has struck
_LOOK_EVERY: Final = 0.25
_UNSEEN: Final = 1  # strikes that a fault may have made after the last look
_FORGOTTEN: Final = 100  # the same where the sandbox was ended, which has forgotten it
_CALM_OPEN: Final = 2_000  # questions without an answer, up to which it is calm for a while
_ANSWERED: Final = 120.0  # seconds within which these have one, if nothing is broken


class Adversary:
    """Breaks everything, in an order that comes from ``seed`` alone.

    ``tempo`` stretches times: 1 is for runs of several minutes.
    """

    def __init__(self, seed: int, stage: Stage, tempo: float) -> None:
        self._seed = seed
        self._stage = stage
        self._control = stage.control
        self._tempo = tempo
        self._stopping = asyncio.Event()
        self._breaking = asyncio.Lock()  # held while a fault is on, and while it is calm
        self.kinds: list[str] = []
        """All kinds of faults that the sandbox knows, at each place."""
        self.faults: Counter[str] = Counter()
        """How often each of these struck."""
        self.excused: Counter[str] = Counter()
        """How often at most those struck that bring about what is excused, by excuse."""
        self.calms: list[float] = []
        """After how many seconds without any fault all was answered, each time."""
        self.signals: dict[str, Counter[str]] = defaultdict(Counter)
        """Signals by process."""
        self.amid_work = 0
        """Of these, how many fell while enough messages were at hand."""
        self.others: Counter[str] = Counter()
        """What else was done: ``disk``, ``time``, ``session``."""
        self.now = ""
        """What is going on."""

    async def run(self) -> None:
        """Break things until :meth:`stop`."""
        listed = (await self._control.call("GET", "/fault-kinds"))["kinds"]
        kinds = msgspec.convert(listed, list[FaultKind])
        self.kinds = [f"{kind.kind} {place}" for kind, place in faults_of(kinds)]
        faults = fault_steps(random.Random(f"{self._seed}:faults"), kinds, self._tempo)  # noqa: S311
        others = interruptions(
            random.Random(f"{self._seed}:interruptions"),  # noqa: S311 - a plan that can be repeated
            list(self._stage.world.processes),
            self._tempo,
            disk=self._stage.world.disk.was_mounted,
        )
        async with asyncio.TaskGroup() as tracks:
            tracks.create_task(self._make_faults(faults))
            tracks.create_task(self._interrupt(others))

    def stop(self) -> None:
        """Let :meth:`run` end, once what is going on is over."""
        self._stopping.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # Faults of the service

    async def _make_faults(self, steps: Iterator[FaultStep]) -> None:
        try:
            for step in steps:
                if self._stopping.is_set():
                    return
                for _ in range(_STRIKE_TRIES):
                    logger.info("fault %s %s", step.name, step.fields)
                    async with self._breaking:
                        struck = await self._make_fault(step)
                    await self._pause(step.pause)
                    if struck or self._stopping.is_set():
                        break
        finally:
            await self._end_faults()

    async def _make_fault(self, step: FaultStep) -> int:
        """Let something go wrong; return how often it struck, as far as it was seen."""
        excuse = excused_by(step)
        if excuse not in self._stage.world.excuses:
            excuse = None
        if excuse:
            self._stage.checker.excuse(excuse, begins=True)
        seen, unseen = 0, _FORGOTTEN
        try:
            # A sandbox that is killed meanwhile has forgotten it, which ends it too.
            with suppress(SandboxError):
                id_ = await self._control.add_fault(
                    step.kind, bot_id=self._stage.bot_id, **step.fields
                )
                if step.needs_new_line:
                    await self._control.add_fault("abort", bot_id=self._stage.bot_id)
                async for struck in self._strikes(id_, step.seconds):
                    seen = struck
                unseen = _UNSEEN
        finally:
            await self._end_faults()
            self.faults[step.name] += seen
            if excuse:
                self.excused[excuse] += seen + unseen
                self._stage.checker.excuse(excuse, begins=False)
        return seen

    async def _strikes(self, fault_id: int, seconds: float) -> AsyncIterator[int]:
        """Yield how often a fault has struck, again and again until ``seconds`` are over.

        Raises:
            SandboxError: the sandbox has forgotten it, or is away.
        """
        until = time.monotonic() + seconds
        is_over = False
        while not is_over:
            await self._pause(min(_LOOK_EVERY, max(0.0, until - time.monotonic())))
            is_over = self._stopping.is_set() or time.monotonic() >= until
            struck = {one["fault_id"]: one["struck"] for one in await self._control.faults()}
            if fault_id not in struck:
                raise SandboxError(f"fault {fault_id} is forgotten")
            yield struck[fault_id]

    async def _end_faults(self) -> None:
        deadline = time.monotonic() + _BACK
        while True:
            try:
                return await self._control.clear_faults()
            except SandboxError:
                if time.monotonic() > deadline:
                    raise

    # All else

    async def _interrupt(self, steps: Iterator[Interruption]) -> None:
        # A new session and a calm, put off because too much is unanswered.
        owed = is_calm_owed = False
        for step in steps:
            await self._pause(step.pause)
            if self._stopping.is_set():
                return
            logger.info("%s", step)
            self.now = type(step).__name__
            if isinstance(step, SignalStep):
                await self._signal(step)
            elif isinstance(step, FillDisk):
                await self._stage.world.disk.fill(step.seconds)
                self.others["disk"] += 1
            elif isinstance(step, MoveTime):
                await self._move_time(step.offset)
            elif isinstance(step, Calm):
                is_calm_owed = True
            else:
                owed = True
            if is_calm_owed:
                is_calm_owed = not await self._keep_calm()
            if owed and self._stage.checker.open < _FEW:
                owed = not await self._renew_session()
            self.now = ""

    async def _signal(self, step: SignalStep) -> None:
        process = self._stage.world.processes[step.process]
        if not await self._stage.world.can_spare(step.process):
            logger.info("%s cannot be spared now", step.process)
            return
        amid_work = await self._is_amid_work()
        if not process.is_running:  # it is just being started again
            return
        self.now = f"{step.number.name} {step.process}"
        pid = process.pid
        self._stage.supervisor.signal(step.process, step.number)
        if step.number is signal.SIGSTOP:
            try:
                await asyncio.sleep(step.seconds)
            finally:
                process.send_signal(signal.SIGCONT)
        else:
            await self._stage.supervisor.replaced(step.process, pid, _BACK)
        self.signals[step.process][step.number.name] += 1
        self.amid_work += amid_work

    async def _is_amid_work(self) -> bool:
        """Wait a moment for messages that are delivered and not acknowledged; tell if there are."""
        until = time.monotonic() + _MOMENT
        while time.monotonic() < until:
            with suppress(SandboxError):
                state: dict[str, Any] = await self._stage.people.call(
                    "bot", bot_id=self._stage.bot_id
                )
                if state["unacknowledged"] >= _AMID_WORK:
                    return True
            await asyncio.sleep(0.02)
        return False

    async def _keep_calm(self) -> bool:
        """Break nothing until what is open now is answered; what is not in time is stuck.

        While the bot is far behind, as after a burst, there is no calm: tell whether there was.
        """
        checker, supervisor = self._stage.checker, self._stage.supervisor
        async with self._breaking:
            until, began = checker.asked, time.monotonic()
            if len(checker.unanswered(until)) > _CALM_OPEN:
                return False
            logger.info("calm")
            self.now = "calm"
            supervisor.calm_since = began
            while checker.unanswered(until) and not self._stopping.is_set():
                if time.monotonic() - began > _ANSWERED:
                    checker.note_stuck(until)
                    break
                await self._pause(_LOOK_EVERY)
            else:
                self.calms.append(time.monotonic() - began)
            supervisor.calm_since = None
        return True

    async def _move_time(self, offset: float) -> None:
        with suppress(SandboxError):
            await self._control.call("POST", "/clocks", {"retention_offset": offset})
            self.others["time"] += 1

    async def _renew_session(self) -> bool:
        """Revoke the session, and tell whether it was.

        What nobody could read any more is answered and read before: a message that is encrypted for
        a session which has ended is dropped by the service. That is a rule, and no loss.
        """
        stage = self._stage
        self.now = "a new session"
        try:
            async with self._breaking:  # or it would take long, and little be encrypted meanwhile
                stage.crowd.encrypts = False
                if not await stage.feed.until(lambda: not stage.checker.encrypted_open, _DRAINED):
                    return False
            for _ in range(_NEWER):
                with suppress(SandboxError):  # it may have been issued, and its keystore is lost
                    keystore = await self._control.issue_session(stage.bot_id, "app")
                    break
            else:
                raise SandboxError("the sandbox issues no session")
            stage.world.put_keystore(keystore)
        finally:
            stage.crowd.encrypts = True
        self.others["session"] += 1
        for name in stage.world.workers:
            await stage.supervisor.restart(name)
        return True
