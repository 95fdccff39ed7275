"""People, bots and an adversary; and what must hold, whatever the adversary does."""

from __future__ import annotations

import asyncio
import random as chances
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from blazebot.wire.messages import READ
from tests.simulation.clock import Stuck, simulated_time
from tests.simulation.life import HOSTS, KINDS, REPLIES, STOP_GRACE, Life, lives
from tests.simulation.network import Network
from tests.simulation.service import MINUTE, Service

APPS: Final = ("82d20bc7-9a97-4a69-bcd0-4da502374f6c", "0f4b1ee2-35a3-43a6-b3a5-2a3a0ac0c5a1")
CONVERSATIONS: Final = tuple(str(UUID(int=number, version=4)) for number in range(1, 6))

KEPT: Final = 600.0
"""Seconds for which ids of handled messages are remembered, at least."""

QUIET: Final = 5000.0
"""Seconds after the last fault in which everything must have come to its end."""

REDELIVERY: Final = 30.0
"""Seconds after which the service pushes again what is not acknowledged."""

HANDSHAKES: Final = 60
"""No bot asks for more lines in a minute."""

FLUSH: Final = 3.0
"""Seconds that a stop may take beyond the grace of its handlers."""


class Broken(AssertionError):
    """What must hold does not."""


@dataclass
class Outcome:
    """A run: ``steps`` of the adversary, and frames and calls that were taken meanwhile."""

    steps: int
    events: int
    messages: int
    seconds: float


class World:
    """Two bots in the same conversations."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self._folder = folder
        self._disks = 0
        self.limits = {
            "inbox_limit": self.random.randint(2, 20),
            "conversation_limit": self.random.randint(1, 5),
            "concurrency": self.random.randint(1, 6),
            "quota": self.random.choice((120, 6000, 100_000)),
            "remembered_ids": self.random.choice((300, 10_000)),
        }
        self.service = Service(int(self.limits["quota"]), self.random)
        self.service.on_acknowledged = self._acknowledged
        self.lives: dict[str, Life] = {}
        self.messages: dict[str, tuple[int, str]] = {}  # number and conversation
        self._broken: list[str] = self.service.complaints
        # Truth, by bot and message number
        self._runs: Counter[tuple[str, int]] = Counter()
        self._last_run: dict[tuple[str, int], int] = {}
        self._handled: set[tuple[str, str]] = set()
        self._buried: set[tuple[str, str]] = set()
        self._handled_in: defaultdict[Network, dict[str, float]] = defaultdict(dict)
        self._said = 0
        self._accepted: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._saying: set[asyncio.Task[None]] = set()

    # Truth

    def begun(self, bot_id: str, number: int) -> int:
        self._runs[bot_id, number] += 1
        return self._runs[bot_id, number]

    def handled(self, life: Life, message_id: str, number: int, run: int) -> None:
        before = self._handled_in[life.network]
        is_remembered = (
            self.limits["remembered_ids"] > len(self.messages)
            and self.service.now - before.get(message_id, -KEPT) < KEPT
        )
        if is_remembered:
            self._broken.append(f"message {number} was handled twice in one life")
        before[message_id] = self.service.now
        self._handled.add((life.app_id, message_id))
        self._last_run[life.app_id, number] = run

    def buried(self, bot_id: str, message_id: str) -> None:
        self._buried.add((bot_id, message_id))

    def _acknowledged(self, bot_id: str, message_id: str, status: str) -> None:
        taken = self._handled if status == READ else self._handled | self._buried
        if (bot_id, message_id) not in taken:
            self._broken.append(f"acknowledged as {status} without responsibility taken")

    # What happens

    async def begin(self) -> None:
        for app_id in APPS:
            await self._start(app_id, self._new_disk())

    def _new_disk(self) -> Path:
        self._disks += 1
        folder = self._folder / str(self._disks)
        folder.mkdir()
        return folder

    async def _start(self, app_id: str, folder: Path, session_id: str = "") -> None:
        older = self.lives.get(app_id)
        if not session_id:
            session_id = older.session_id if older else str(UUID(int=1, version=4))
        life = self.lives[app_id] = Life(
            app_id,
            session_id,
            folder,
            peer=self.service,
            truth=self,
            random=self.random,
            settings=self.limits,
        )
        await asyncio.ensure_future(life.start())

    def _any(self) -> Life:
        return self.random.choice(list(self.lives.values()))

    async def people_write(self) -> None:
        for _ in range(self.random.choice((1, 2, 5, 12))):
            number = len(self.messages)
            message_id = str(UUID(int=number + 1, version=4))
            conversation_id = self.random.choice(CONVERSATIONS)
            self.messages[message_id] = (number, conversation_id)
            self.service.write(list(APPS), message_id, conversation_id, str(number))

    async def time_passes(self) -> None:
        await asyncio.sleep(self.random.choice((0.01, 0.05, 0.2, 1.0, 1.0, 5.0, 15.0)))

    async def a_long_time_passes(self) -> None:
        await asyncio.sleep(self.random.choice((61.0, 200.0, 700.0)))

    async def bot_says(self) -> None:
        life, conversation_id = self._any(), self.random.choice(CONVERSATIONS)
        for _ in range(self.random.choice((1, 1, 3, 40))):
            self._said += 1
            waits = self.random.random() < 0.5
            task = asyncio.ensure_future(self._say(life, conversation_id, self._said, waits))
            self._saying.add(task)
            life.tasks.add(task)  # it ends with the process
            task.add_done_callback(self._saying.discard)

    async def _say(self, life: Life, conversation_id: str, number: int, waits: bool) -> None:
        if await life.say(conversation_id, f"said {number}", waits=waits):
            self._accepted[life.app_id, conversation_id].append(number)

    async def line_breaks(self) -> None:
        for line in self._any().network.lines[-1:]:
            line.cut(self.random.choice((1006, 1001, 1011)))

    async def service_repeats(self) -> None:
        self.service.repeat(self._any().app_id)

    async def service_is_mute(self) -> None:
        self.service.weather.mute += self.random.randint(1, 5)

    async def service_is_deaf(self) -> None:
        self.service.weather.deaf += self.random.randint(1, 3)

    async def service_refuses(self) -> None:
        count = self.random.randint(1, 4)
        self.service.weather.errors.extend(self.random.choices((500, 7000, 429), k=count))

    async def receipts_are_lost(self) -> None:
        self.service.weather.lost_receipts += 1

    async def host_is_down(self) -> None:
        until = self.service.now + self.random.choice((1.0, 10.0, 90.0, 300.0))
        self.service.weather.refused[self.random.choice(("", "", *HOSTS))] = until
        await self.line_breaks()

    async def handshake_hangs(self) -> None:
        self.service.weather.hanging = 1
        await self.line_breaks()

    async def calls_fail(self) -> None:
        self.service.weather.calls_fail_until = self.service.now + self.random.choice((1.0, 30.0))

    async def disk_is_full(self) -> None:
        self._any().disk_is_full = True

    async def process_is_killed(self) -> None:
        await self._restart(self._any())

    async def session_is_replaced(self) -> None:
        life = self._any()
        session = str(UUID(int=self.random.getrandbits(120), version=4))
        await self._restart(life, session)

    async def _restart(self, life: Life, session_id: str = "") -> None:
        disk = await life.kill()
        self._check_lines(life)
        await asyncio.sleep(self.random.choice((0.0, 1.0, 70.0)))
        shutil.rmtree(life.folder, ignore_errors=True)
        await self._start(life.app_id, disk, session_id)

    async def process_is_stopped(self) -> None:
        life = self._any()
        await self._stop(life)
        await self._start(life.app_id, life.folder)

    async def _stop(self, life: Life) -> None:
        began = self.service.now
        is_open = life.runtime.line.is_open
        await life.stop()
        took = self.service.now - began
        if took > STOP_GRACE + FLUSH:
            self._broken.append(f"a stop took {took:.1f} s")
        lines = life.network.lines
        if is_open and lines[-1].close_code not in (1000, 1001, 1006, 1008, 1011):
            self._broken.append(f"a line was closed with {lines[-1].close_code}")
        self._check_lines(life)
        life.network.die()

    ACTIONS: Final[dict[str, float]] = {
        "people_write": 10,
        "time_passes": 12,
        "bot_says": 2,
        "line_breaks": 2,
        "service_repeats": 2,
        "service_is_mute": 1,
        "service_is_deaf": 1,
        "service_refuses": 1,
        "receipts_are_lost": 1,
        "host_is_down": 0.5,
        "handshake_hangs": 0.2,
        "calls_fail": 0.5,
        "disk_is_full": 0.3,
        "process_is_killed": 0.5,
        "session_is_replaced": 0.2,
        "process_is_stopped": 0.3,
        "a_long_time_passes": 0.3,
    }

    async def play(self, steps: int) -> None:
        """Let the adversary do so many things, then let all go well, and see what came of it."""
        await self.begin()
        names, weights = list(self.ACTIONS), list(self.ACTIONS.values())
        for _ in range(steps):
            await getattr(self, self.random.choices(names, weights)[0])()
            self._check_bounds()
            if self._broken:
                raise Broken(self._broken[0])
        await self._settle()
        await self._end()
        self._check_everything()

    async def _settle(self) -> None:
        self.service.weather.clear()
        for life in self.lives.values():
            life.disk_is_full = False
        until = self.service.now + QUIET
        again = self.service.now + REDELIVERY
        while any(self.service.pending.values()) or self._saying or self._unsaid():
            if self.service.now > until:
                left = {bot: list(views) for bot, views in self.service.pending.items()}
                raise Broken(f"stuck: {left}, unsaid {self._unsaid()}, {len(self._saying)} wait")
            await asyncio.sleep(5.0)
            self._check_bounds()
            if self.service.now > again:
                again = self.service.now + REDELIVERY
                for bot_id in APPS:
                    self.service.repeat(bot_id)

    async def _end(self) -> None:
        """Stop the bots while they are busy: what they have handled is acknowledged then."""
        await self.people_write()
        await asyncio.sleep(0.2)
        for life in self.lives.values():
            await self._stop(life)
        left = {(bot, one) for bot, views in self.service.pending.items() for one in views}
        if left & self._handled:
            raise Broken("stopped without acknowledging what was handled")

    # What must hold

    def _check_bounds(self) -> None:
        for life in self.lives.values():
            inbox = life.runtime._inbox
            longest = max((len(lane.items) for lane in inbox._lanes.values()), default=0)
            if len(inbox) > self.limits["inbox_limit"]:
                raise Broken(f"beyond the bound: {len(inbox)} messages at hand")
            if longest > self.limits["conversation_limit"]:
                raise Broken(f"beyond the bound: {longest} messages of one conversation at hand")

    def _check_lines(self, life: Life) -> None:
        asked = life.network.handshakes
        tokens = Counter(token for _, _, token in asked)
        if any(count > 1 for count in tokens.values()):
            self._broken.append("a token was used for two lines")
        for at, _, _ in asked:
            if sum(at <= later < at + MINUTE for later, _, _ in asked) > HANDSHAKES:
                self._broken.append("lines are asked for again and again without a pause")
                break
        for failed in life.network.failed:
            if failed + 1 < len(asked) and asked[failed][1] == asked[failed + 1][1]:
                self._broken.append("a host that refused was asked again, the other one not")

    def _unsaid(self) -> list[int]:
        return [
            number
            for (bot, conversation), numbers in self._accepted.items()
            for number in numbers
            if not self.service.counted(bot, conversation)[f"said {number}"]
        ]

    def _check_everything(self) -> None:
        if self._broken:
            raise Broken(self._broken[0])
        for bot in APPS:
            for message_id, (number, conversation) in self.messages.items():
                self._check_replies(bot, message_id, number, conversation)
            for conversation in CONVERSATIONS:
                self._check_order(bot, conversation)
                self._check_said(bot, conversation)

    def _check_replies(self, bot: str, message_id: str, number: int, conversation: str) -> None:
        if message_id in self.service.pending[bot]:
            return  # the bot was stopped before it had taken it
        texts = self.service.counted(bot, conversation)
        kind = KINDS[number % len(KINDS)]
        handled = (bot, message_id) in self._handled
        if not handled and (bot, message_id) not in self._buried:
            raise Broken(f"message {number} is lost")
        if kind in ("keyed", "varying"):
            runs = range(1, self._runs[bot, number] + 1)
            took = [run for run in runs for _ in range(texts[f"{number} in run {run}"])]
            if len(took) != len(set(took)) or (kind == "keyed" and len(took) > 1):
                raise Broken(f"the reply to {number} ({kind}) took effect more than once")
            last = self._last_run.get((bot, number))
            if handled and (not took or (kind == "varying" and last not in took)):
                raise Broken(f"the reply to {number} ({kind}) was swallowed")
            return
        most = REPLIES[kind]
        if texts[str(number)] > most:
            raise Broken(f"the reply to {number} ({kind}) took effect more than once")
        if handled and texts[str(number)] < most:
            raise Broken(f"the reply to {number} ({kind}) did not take effect")

    def _check_order(self, bot: str, conversation: str) -> None:
        """Replies are in the order of messages, but for those that are not to be compared.

        One whose words vary is sent again by a rerun, and one that was given up may succeed after
        all where its acknowledgement was lost.
        """
        buried = {self.messages[one][0] for owner, one in self._buried if owner == bot}
        numbers = [
            int(text)
            for text in self.service.said.get((bot, conversation), [])
            if text.isdecimal() and int(text) not in buried
        ]
        if numbers != sorted(numbers):
            raise Broken(f"replies took effect out of order: {numbers}")

    def _check_said(self, bot: str, conversation: str) -> None:
        texts = self.service.said.get((bot, conversation), [])
        said = [int(text.split()[1]) for text in texts if text.startswith("said")]
        if len(said) != len(set(said)):
            raise Broken("what the bot said took effect more than once")
        accepted = set(self._accepted[bot, conversation])
        in_order = [number for number in said if number in accepted]
        if in_order != sorted(in_order):
            raise Broken(f"what the bot said took effect out of order: {in_order}")


def run(seed: int, steps: int, folder: Path, kind: type[World] = World) -> Outcome:
    """Play one world; raises Broken, with the seed, if something that must hold does not."""
    state = chances.getstate()
    chances.seed(seed)
    place = folder / f"seed-{seed}"
    place.mkdir()
    try:
        with simulated_time() as loop, lives(loop):
            world = kind(seed, place)
            try:
                loop.run_until_complete(world.play(steps))
                if loop.failures:
                    raise Broken(loop.failures[0])
            except (Broken, Stuck) as error:
                raise Broken(f"seed {seed}, {steps} steps: {error}") from error
            finally:
                _clear(loop)
            service = world.service
            return Outcome(steps, service.events, len(world.messages), loop.now)
    finally:
        chances.setstate(state)
        shutil.rmtree(place, ignore_errors=True)


def _clear(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left over, and what that leaves over."""
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_asyncgens())
