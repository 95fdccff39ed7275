"""``blazebot demo --check``: is everything answered once, in order, though processes are killed?

Fifty people send a thousand texts without waiting for answers. Meanwhile the bot is killed twice
and terminated once, and the sandbox is killed once, each while at least twenty messages are
delivered and not acknowledged. What counts is what the people see.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from rich.console import Console

from blazebot.demo.stage import ECHO_BOT, Stage
from blazebot.errors import SandboxError
from blazebot.testing.tally import Tally, tally
from blazebot.wire.messages import READ

PEOPLE: Final = 50
TEXTS_EACH: Final = 20
WAVES: Final = 10
LEAST_UNACKNOWLEDGED: Final = 20
BOT, SANDBOX = "bot", "sandbox"
INTERRUPTIONS: Final = (
    (BOT, signal.SIGKILL),
    (SANDBOX, signal.SIGKILL),
    (BOT, signal.SIGTERM),
    (BOT, signal.SIGKILL),
)

_WORK: Final = "0.04"  # seconds that a message may take the bot, so that kills fall amid work
_SETTLE: Final = 10.0  # seconds without any change after which nothing more is waited for
_WHOLE: Final = 120.0  # seconds for all of it
_MOMENT: Final = 10.0  # seconds to wait for a good moment to kill


@dataclass(frozen=True, slots=True)
class Interruption:
    """A process that was ended, and what was delivered and unacknowledged just then."""

    process: str
    signal: str
    unacknowledged: int


@dataclass(slots=True)
class Report:
    """What the check found; ``seconds`` is how long it took."""

    keys: str
    counts: Tally
    interruptions: list[Interruption] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled, reordered or left unread, and all kills happened."""
        enough = all(one.unacknowledged >= LEAST_UNACKNOWLEDGED for one in self.interruptions)
        return self.counts.is_perfect and enough and len(self.interruptions) == len(INTERRUPTIONS)

    def document(self) -> dict[str, Any]:
        """Return the report as it is printed with ``--json``."""
        return {
            **asdict(self.counts),
            "keys": self.keys,
            "interruptions": [asdict(one) for one in self.interruptions],
            "seconds": round(self.seconds, 1),
            "passed": self.passed,
        }


async def check(*, keys: str, as_json: bool = False) -> int:
    """Run the check and print its report; return 0 if it passed, else 1."""
    report = await run_check(keys=keys)
    if as_json:
        print(json.dumps(report.document()), flush=True)  # noqa: T201
    else:
        _print(report)
    return 0 if report.passed else 1


async def run_check(*, keys: str, bot_command: Sequence[str] = ECHO_BOT) -> Report:
    """Run the check against the bot that ``bot_command`` starts; return what it found.

    Raises:
        SandboxError: it came to no end; the message has both logs.
    """
    began = time.monotonic()
    async with Stage(
        keys=keys, bot_command=bot_command, bot_environment={"BLAZEBOT_DEMO_WORK": _WORK}
    ) as stage:
        checking = _Check(stage)
        try:
            async with asyncio.timeout(_WHOLE):
                await checking.run()
        except TimeoutError:
            raise SandboxError(
                f"the check did not come to its end in {_WHOLE:g} s; the bot's log:\n"
                f"{stage.bot.log}\nthe sandbox's log:\n{stage.sandbox.log}"
            ) from None
        return Report(keys, checking.counts(), checking.interruptions, time.monotonic() - began)


class _Check:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._people: list[str] = []
        self._sent: dict[str, list[str]] = {}
        self.interruptions: list[Interruption] = []

    async def run(self) -> None:
        stage = self._stage
        self._people = await stage.people.create([f"Person {n}" for n in range(PEOPLE)])
        self._sent = {person: [] for person in self._people}
        await stage.people.watch(self._people)
        # The service's "Hello" is the first text of each, and is to be echoed as any other.
        await stage.people.add_friend(self._people, stage.bot_id)
        await stage.people.until(lambda: self._all_echoed(1), within=_SETTLE)
        due = list(INTERRUPTIONS)
        for wave in range(WAVES):
            await self._send_wave(wave)
            if due and await self._interrupt(*due[0]):
                due.pop(0)
        await self._settle()

    def counts(self) -> Tally:
        return tally(
            self._sent,
            {person: self._echoes(person) for person in self._people},
            {
                person: sum(one["status"] == READ for one in self._stage.sent_by(person)[1:])
                for person in self._people
            },
        )

    def _echoes(self, person: str) -> list[str]:
        return self._stage.texts_from_bot(person)[1:]

    def _all_echoed(self, count: int) -> bool:
        return all(len(self._stage.texts_from_bot(person)) >= count for person in self._people)

    async def _send_wave(self, wave: int) -> None:
        messages = []
        for place in range(TEXTS_EACH // WAVES):
            for number, person in enumerate(self._people):
                text = f"person {number} text {wave * (TEXTS_EACH // WAVES) + place}"
                self._sent[person].append(text)
                messages.append(
                    {"person_id": person, "recipient_id": self._stage.bot_id, "text": text}
                )
        await self._stage.people.send(messages)

    async def _interrupt(self, process: str, number: signal.Signals) -> bool:
        """End a process amid work and start it again; return whether a moment for it was found.

        The bot is frozen before it is looked at, so that the count still holds when the signal
        falls.
        """
        stage = self._stage
        before = self._echoed()
        until = time.monotonic() + _MOMENT
        while time.monotonic() < until:
            state = await stage.people.call("bot", bot_id=stage.bot_id)
            if state["unacknowledged"] < LEAST_UNACKNOWLEDGED:
                if not state["pending"]:
                    return False  # the wave is over
            elif self._echoed() > before:
                stage.bot.send_signal(signal.SIGSTOP)
                state = await stage.people.call("bot", bot_id=stage.bot_id)
                if state["unacknowledged"] >= LEAST_UNACKNOWLEDGED:
                    await self._end(process, number)
                    self.interruptions.append(
                        Interruption(process, number.name, state["unacknowledged"])
                    )
                    return True
                stage.bot.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.002)
        return False

    async def _end(self, process: str, number: signal.Signals) -> None:
        stage = self._stage
        if process == SANDBOX:
            await stage.sandbox.kill()
            stage.bot.send_signal(signal.SIGCONT)
            await stage.sandbox.start()
            return
        stage.bot.send_signal(number)
        stage.bot.send_signal(signal.SIGCONT)
        status = await stage.bot.wait()
        if number is signal.SIGTERM and status != 0:
            raise SandboxError(f"the bot ended with {status} after SIGTERM:\n{stage.bot.log}")
        await stage.bot.start()

    def _echoed(self) -> int:
        return sum(len(self._stage.texts_from_bot(person)) for person in self._people)

    async def _settle(self) -> None:
        """Wait until all is echoed and read, or until nothing changes any more."""

        while not self.counts().is_perfect:
            before = self._progress()
            try:
                await self._stage.people.until(partial(self._has_moved, before), within=_SETTLE)
            except TimeoutError:
                break
        # What the bot is still about to send counts too: it may be a repeat.
        await self._stage.bot.stop()
        await self._stage.people.catch_up(_SETTLE)

    def _progress(self) -> tuple[int, int]:
        return self._echoed(), self.counts().read

    def _has_moved(self, before: tuple[int, int]) -> bool:
        return self._progress() != before


def _print(report: Report) -> None:
    console = Console(highlight=False)
    for one in report.interruptions:
        console.print(
            f"{one.process} ended with {one.signal} amid {one.unacknowledged} "
            "delivered, unacknowledged messages"
        )
    counts = report.counts
    console.print(
        f"{counts.sent} texts of {PEOPLE} people: {counts.echoed} echoed, {counts.lost} lost, "
        f"{counts.duplicated} duplicated, {counts.out_of_order} out of order, {counts.read} read "
        f"({report.keys} keystore, {report.seconds:.1f} s)"
    )
    console.print("[green]passed[/green]" if report.passed else "[red]failed[/red]")
