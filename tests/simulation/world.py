"""People, bots and an adversary, who may do anything between any two events."""

from __future__ import annotations

import asyncio
import os
import random as chances
import shutil
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch
from uuid import UUID

from tests.simulation.clock import SimulatedLoop, Stuck, simulated_time
from tests.simulation.life import HOSTS, STOP_GRACE, Life, lives
from tests.simulation.rest import ServiceWithRest
from tests.simulation.service import MINUTE, Written
from tests.simulation.sessions import Session
from tests.simulation.speech import Place, Speech
from tests.simulation.truth import Broken, Truth
from tests.simulation.weather import ASKED, Asked

__all__ = ["APPS", "CONVERSATIONS", "Broken", "World", "run"]

APPS: Final = ("82d20bc7-9a97-4a69-bcd0-4da502374f6c", "0f4b1ee2-35a3-43a6-b3a5-2a3a0ac0c5a1")
CONVERSATIONS: Final = tuple(str(UUID(int=number, version=4)) for number in range(1, 6))

QUIET: Final = 5000.0
"""Seconds after the last fault in which everything must have come to its end."""

REDELIVERY: Final = 30.0
"""Seconds after which the service pushes again what is not acknowledged."""

HANDSHAKES: Final = 60
"""No bot asks for more lines in a minute."""

FLUSH: Final = 3.0
"""Seconds that a stop may take beyond the grace of its handlers."""

ENDS_WITHIN: Final = 1000.0
"""Seconds in which a bot must have ended whose session is good no more."""

OFTEN: Final = 10
"""So many times as often as usual the adversary does what it is to do often."""


@dataclass
class Outcome:
    """A run: ``steps`` of the adversary, and frames and calls that were taken meanwhile."""

    steps: int
    events: int
    messages: int
    seconds: float


class World:
    """Two bots in the same conversations."""

    def __init__(self, seed: int, folder: Path, loop: SimulatedLoop) -> None:
        self.random = Random(seed)
        self.loop = loop
        self._folder = folder
        self._disks = 0
        choice = self.random.choice
        self.limits = {
            "inbox_limit": self.random.randint(2, 20),
            "inbox_bytes": choice((300, 300, 3000, 100_000)),
            "conversation_limit": self.random.randint(1, 5),
            "concurrency": self.random.randint(1, 6),
            "quota": choice((120, 6000, 100_000)),
            "remembered_ids": choice((300, 10_000)),
            "handler_timeout": choice((20, 60)),
            "max_tries": 3,
        }
        self.service = ServiceWithRest(self.limits["quota"], self.random)
        self.service.phones.renew([self._new_id()])
        self.truth = Truth(self.service, self.limits)
        self.speech = Speech(APPS, self.service, self.truth, self.random)
        self.lives: dict[str, Life] = {}
        self._broken: list[str] = self.service.complaints

    def _new_id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    # Processes

    async def begin(self) -> None:
        for app_id in APPS:
            await self._start(self._new_session(app_id), self._new_disk())

    def _new_session(self, app_id: str) -> Session:
        return Session.new(app_id, self._new_id())

    def _new_disk(self) -> Path:
        self._disks += 1
        folder = self._folder / str(self._disks)
        folder.mkdir()
        return folder

    async def _start(self, session: Session, folder: Path) -> None:
        older = self.service.sessions.get(session.bot_id)
        if older is None or older.id != session.id:
            self.truth.session_changed(session.bot_id)
        self.service.sessions[session.bot_id] = session
        life = self.lives[session.bot_id] = Life(
            session,
            folder,
            peer=self.service,
            truth=self.truth,
            random=self.random,
            settings=self.limits,
        )
        await life.start()

    async def _restart(self, life: Life, session: Session) -> None:
        disk = await life.kill()
        self._check_lines(life)
        await asyncio.sleep(self.random.choice((0.0, 1.0, 70.0)))
        shutil.rmtree(life.folder, ignore_errors=True)
        await self._start(session, disk)

    async def _stop(self, life: Life) -> None:
        began = self.service.now
        line = life.runtime.line
        is_open = line.is_open
        await life.stop()
        took = self.service.now - began
        if took > STOP_GRACE + FLUSH:
            self._broken.append(f"a stop took {took:.1f} s")
        lines = life.network.lines
        if is_open and lines[-1].close_code not in (1000, 1001, 1006, 1008, 1011):
            self._broken.append(f"a line was closed with {lines[-1].close_code}")
        counted, read = line.bad_frames, sum(one.bad_frames for one in lines)
        if counted != read:
            self._broken.append(f"{read} bad frames were read, and {counted} counted")
        self._check_lines(life)
        life.network.die()

    async def _has_ended(self, life: Life, cause: str) -> None:
        """Return when a bot has ended, as it must, and is stopped."""
        until = self.service.now + ENDS_WITHIN
        while life.refusal is None:
            if self.service.now > until:
                raise Broken(f"a bot goes on though it is refused for good: {cause}")
            for line in life.network.lines[-1:]:
                line.cut(1008)
            await asyncio.sleep(1.0)
        if life.refusal.cause != cause:
            self._broken.append(f"ended for the cause {life.refusal.cause}, which is {cause}")
        await self._stop(life)

    def _any(self) -> Life:
        return self.random.choice(list(self.lives.values()))

    def _anywhere(self) -> str:
        return self.random.choice(CONVERSATIONS)

    # What happens

    async def people_write(self) -> None:
        for _ in range(self.random.choice((1, 2, 5, 12))):
            number = len(self.truth.messages)
            message_id = str(UUID(int=number + 1, version=4))
            conversation_id = self._anywhere()
            text = str(number) + " " * self.random.choice((0, 0, 0, 50, 400))
            category = "ENCRYPTED_TEXT" if self.random.random() < 0.15 else "PLAIN_TEXT"
            if category == "ENCRYPTED_TEXT":
                self.truth.encrypted.add(message_id)
            self.truth.messages[message_id] = (number, conversation_id)
            self.service.write(list(APPS), Written(message_id, conversation_id, text, category))

    async def people_write_what_is_unknown(self) -> None:
        message_id = self._new_id()
        category, action = self.random.choice(
            (("PLAIN_NOVELTY", "CREATE_MESSAGE"), ("PLAIN_TEXT", "CREATE_NOVELTY"))
        )
        self.truth.odd.add(message_id)
        self.service.write(
            list(APPS), Written(message_id, self._anywhere(), "odd", category, action)
        )

    async def person_changes_phones(self) -> None:
        self.service.phones.renew([self._new_id() for _ in range(self.random.randint(1, 2))])

    async def time_passes(self) -> None:
        await asyncio.sleep(self.random.choice((0.01, 0.05, 0.2, 1.0, 1.0, 5.0, 15.0)))

    async def a_long_time_passes(self) -> None:
        await asyncio.sleep(self.random.choice((61.0, 200.0, 700.0)))

    async def bot_says(self) -> None:
        life, conversation_id = self._any(), self._anywhere()
        count = self.random.choice((1, 1, 3, 40))
        for _ in range(count):
            self.speech.say(life, conversation_id, may_be_cancelled=count < 40)

    async def bot_says_by_key(self) -> None:
        life, conversation_id = self._any(), self._anywhere()
        for _ in range(self.random.choice((1, 2))):
            self.speech.say_by_key(life, conversation_id)

    async def job_is_scheduled(self) -> None:
        self.speech.schedule(self._any(), self._anywhere())

    async def bot_announces(self) -> None:
        self.speech.announce(self._any())

    async def dead_letters_are_replayed(self) -> None:
        life = self._any()
        self.truth.replay_asked(life.app_id, life.replay_dead_letters())

    async def line_breaks(self) -> None:
        for line in self._any().network.lines[-1:]:
            line.cut(self.random.choice((1006, 1001, 1011)))

    async def bad_frames_come(self) -> None:
        self.service.push_bad_frames(self._any().app_id)

    async def service_repeats(self) -> None:
        self.service.repeat(self._any().app_id)

    async def service_is_mute(self) -> None:
        self.service.weather.mute += self.random.randint(1, 5)

    async def service_is_deaf(self) -> None:
        self.service.weather.deaf += self.random.randint(1, 3)

    async def service_refuses(self) -> None:
        count = self.random.randint(1, 4)
        self.service.weather.errors.extend(self.random.choices((500, 7000, 429), k=count))

    async def sends_are_forbidden(self) -> None:
        until = self.service.now + self.random.choice((0.5, 5.0, 100.0))
        self.service.weather.forbidden[self._anywhere()] = until

    async def a_401_passes(self) -> None:
        asked: Asked | None = self.random.choice((*ASKED, None))
        if asked is None:
            self.service.push_401(self._any().app_id)
        else:
            self.service.weather.unauthorized[asked] += self.random.randint(1, 3)
        if asked in ("handshake", "list"):
            await self.line_breaks()

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

    async def clock_is_set(self) -> None:
        self.loop.set_wall_clock(self.random.uniform(-250.0, 250.0))

    async def clock_is_off(self) -> None:
        off = self.random.uniform(400.0, 4000.0)
        self.loop.set_wall_clock(self.random.choice((-off, off)))
        for life in self.lives.values():
            await self._has_ended(life, "clock")
        self.loop.set_wall_clock(0.0)
        for life in list(self.lives.values()):
            await self._start(life.session, life.folder)

    async def session_is_revoked(self) -> None:
        life = self._any()
        if not life.runtime.line.connections:
            return  # whether it was ever accepted is not known
        session = self.service.sessions[life.app_id] = self._new_session(life.app_id)
        self.truth.session_changed(life.app_id)
        await self._has_ended(life, "session")
        await self._start(session, life.folder)

    async def session_is_replaced(self) -> None:
        life = self._any()
        await self._restart(life, self._new_session(life.app_id))

    async def disk_is_full(self) -> None:
        self._any().disk_is_full = True

    async def process_is_killed(self) -> None:
        life = self._any()
        await self._restart(life, life.session)

    async def process_is_stopped(self) -> None:
        life = self._any()
        await self._stop(life)
        await self._start(life.session, life.folder)

    ACTIONS: Final[dict[str, float]] = {
        "people_write": 10,
        "people_write_what_is_unknown": 0.5,
        "person_changes_phones": 0.5,
        "time_passes": 12,
        "a_long_time_passes": 0.3,
        "bot_says": 2,
        "bot_says_by_key": 1,
        "job_is_scheduled": 0.7,
        "bot_announces": 0.3,
        "dead_letters_are_replayed": 0.5,
        "line_breaks": 2,
        "bad_frames_come": 0.7,
        "service_repeats": 2,
        "service_is_mute": 1,
        "service_is_deaf": 1,
        "service_refuses": 1,
        "sends_are_forbidden": 0.5,
        "a_401_passes": 1,
        "receipts_are_lost": 1,
        "host_is_down": 0.5,
        "handshake_hangs": 0.2,
        "calls_fail": 0.5,
        "clock_is_set": 0.2,
        "clock_is_off": 0.1,
        "session_is_revoked": 0.2,
        "session_is_replaced": 0.2,
        "disk_is_full": 0.3,
        "process_is_killed": 0.5,
        "process_is_stopped": 0.3,
    }

    async def play(self, steps: int, often: Collection[str]) -> None:
        """Let the adversary do so many things, then let all go well, and see what came of it."""
        await self.begin()
        names = list(self.ACTIONS)
        weights = [self.ACTIONS[one] * (OFTEN if one in often else 1) for one in names]
        for _ in range(steps):
            await getattr(self, self.random.choices(names, weights)[0])()
            self._check_now()
        await self._settle()
        await self._end()
        self._check_everything()

    async def _settle(self) -> None:
        self.service.weather.clear()
        self.loop.set_wall_clock(0.0)
        for life in self.lives.values():
            life.disk_is_full = False
        until = self.service.now + QUIET
        again = self.service.now + REDELIVERY
        while left := await self._left():
            if self.service.now > until:
                raise Broken(f"stuck: {left}")
            await asyncio.sleep(5.0)
            self._check_now()
            if self.service.now > again:
                again = self.service.now + REDELIVERY
                for bot_id in APPS:
                    self.service.repeat(bot_id)

    async def _left(self) -> str:
        """Return what has not come to its end."""
        pending = [one for every in self.service.pending.values() for one in every]
        left = {
            "pending": pending,
            "unsaid": self.speech.unsaid(),
            "waiting": len(self.speech.tasks),
            "to be replayed": len(self.truth.replaying),
        }
        if not any(left.values()):
            left = {"left in the outbox": await self._in_outboxes()}
        return "; ".join(f"{name}: {some}" for name, some in left.items() if some)

    async def _in_outboxes(self) -> list[str]:
        """Return the ids of what was accepted, and neither has taken effect nor is refused."""
        kept = [one for life in self.lives.values() for one in await life.outbox()]
        message_ids = [one.entry.request.message_id for one in kept]
        return [one for one in message_ids if one not in self.service.taken]

    async def _end(self) -> None:
        """Stop the bots while they are busy: what they have handled is acknowledged then."""
        for _ in range(3):
            await self.people_write()
        for _ in range(100):
            await asyncio.sleep(0.005)
            if all(life.runtime.engine.in_flight for life in self.lives.values()):
                break
        for life in self.lives.values():
            await self._stop(life)
        self.truth.check_flushed()

    # What must hold

    def _check_now(self) -> None:
        for life in self.lives.values():
            self._check_bounds(life)
            if life.refusal is not None:
                raise Broken(f"ended though its session is good: {life.refusal}")
        if self._broken:
            raise Broken(self._broken[0])

    def _check_bounds(self, life: Life) -> None:
        lanes = [lane.items for lane in life.runtime._inbox._lanes.values()]
        sizes = [len(item.view.data_base64 or "") for items in lanes for item in items]
        longest = max(map(len, lanes), default=0)
        if len(sizes) > self.limits["inbox_limit"]:
            raise Broken(f"beyond the bound: {len(sizes)} messages at hand")
        if longest > self.limits["conversation_limit"]:
            raise Broken(f"beyond the bound: {longest} messages of one conversation at hand")
        # The last one that was taken may go beyond it.
        if sizes and sum(sizes) - max(sizes) >= self.limits["inbox_bytes"]:
            raise Broken(f"beyond the bound: {sum(sizes)} bytes at hand")

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
        if any(line.choked for line in life.network.lines):
            self._broken.append("a line was closed for a bad frame")

    def _check_everything(self) -> None:
        if self._broken:
            raise Broken(self._broken[0])
        for bot in APPS:
            self.truth.check_replies(bot)
            for conversation in CONVERSATIONS:
                self.truth.check_order(bot, conversation)
        for bot, conversation in self.service.said:
            self.speech.check(Place(bot, conversation))


def run(
    seed: int, steps: int, folder: Path, kind: type[World] = World, often: Collection[str] = ()
) -> Outcome:
    """Play one world; raises Broken, with the seed, if something that must hold does not."""
    state = chances.getstate()
    chances.seed(seed)
    place = folder / f"seed-{seed}"
    place.mkdir()
    try:
        with (
            patch.object(os, "urandom", Random(seed).randbytes),  # ids are made of it
            simulated_time() as loop,
            lives(loop),
        ):
            world = kind(seed, place, loop)
            try:
                loop.run_until_complete(world.play(steps, often))
                if loop.failures:
                    raise Broken(loop.failures[0])
            except (Broken, Stuck) as error:
                raise Broken(f"seed {seed}, {steps} steps: {error}") from error
            finally:
                _clear(loop, world)
            service = world.service
            return Outcome(steps, service.events, len(world.truth.messages), loop.now)
    finally:
        chances.setstate(state)
        shutil.rmtree(place, ignore_errors=True)


def _clear(loop: asyncio.AbstractEventLoop, world: World) -> None:
    """Cancel what is left over, and what that leaves over."""
    for life in world.lives.values():
        loop.run_until_complete(life.end())
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_asyncgens())
