"""What bots say of themselves: sends, keyed ones, jobs and announcements, and what must hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from blazebot import Conversation
from blazebot.errors import BlazebotError, SendTimeout
from blazebot.wire.ids import contact_conversation_id
from tests.simulation.life import Life
from tests.simulation.service import Service
from tests.simulation.truth import Broken, Truth

KEYS: Final = 3
"""So many keys are used in each conversation, again and again."""

PEOPLE: Final = 40
"""So many get announcements; of every ten the last wants nothing of any bot."""


Say: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


class Place(NamedTuple):
    """Where a bot says something."""

    bot: str
    conversation: str


class Speech:
    """All that bots were told to say, and what they were told of it."""

    def __init__(self, bots: Sequence[str], service: Service, truth: Truth, random: Random) -> None:
        self._service = service
        self._truth = truth
        self._random = random
        self._count = 0
        self.tasks: set[asyncio.Task[None]] = set()
        """Those who wait to be told."""
        self._accepted: defaultdict[Place, set[int]] = defaultdict(set)
        self._cancelled: defaultdict[Place, set[int]] = defaultdict(set)
        self._keyed: defaultdict[tuple[Place, str], set[str]] = defaultdict(set)
        self._promised: set[tuple[Place, str]] = set()  # by key, and accepted
        self._sent: set[tuple[Place, str]] = set()  # by key, and said to have been sent
        self._jobs: dict[int, Place] = {}
        self._announced: dict[int, tuple[str, list[str]]] = {}
        self._people = [str(UUID(int=number + 1000, version=4)) for number in range(PEOPLE)]
        for bot_id in bots:
            service.blocking.update(
                contact_conversation_id(bot_id, one) for one in self._people[9::10]
            )

    def say(
        self,
        life: Life,
        conversation_id: str,
        *,
        may_be_cancelled: bool,
        waits: bool | None = None,
    ) -> None:
        """Let a bot say something, and perhaps let go of it while it is about it."""
        self._count += 1
        options: dict[str, Any] = {}
        if self._random.random() < 0.2:
            options["encrypt"] = "always"
        if waits is None:
            waits = self._random.random() < 0.5
        task = self._do(self._say, life, conversation_id, self._count, waits, options)
        if may_be_cancelled and self._random.random() < 0.5:
            after = self._random.choice((0.0, 0.0005, 0.0005, 0.1))
            asyncio.get_running_loop().call_later(after, task.cancel)

    async def _say(
        self, life: Life, conversation_id: str, number: int, waits: bool, options: dict[str, Any]
    ) -> None:
        place = Place(life.app_id, conversation_id)
        try:
            if await _outcome(life, conversation_id, f"said {number}", waits, options):
                self._accepted[place].add(number)
        except asyncio.CancelledError:
            if not life.network.is_dead:
                self._cancelled[place].add(number)
            raise

    def say_by_key(self, life: Life, conversation_id: str) -> None:
        """Let a bot say something that it may have said before."""
        self._count += 1
        self._do(self._say_by_key, life, conversation_id, self._count)

    async def _say_by_key(self, life: Life, conversation_id: str, number: int) -> None:
        key = f"key {number % KEYS}"
        text = f"{key} for {number}"
        waits = self._random.random() < 0.7
        place = Place(life.app_id, conversation_id)
        self._keyed[place, key].add(text)
        outcome = await _outcome(life, conversation_id, text, waits, {"key": key})
        if outcome is not None:
            self._promised.add((place, key))
        if outcome == "sent":
            self._sent.add((place, key))

    def schedule(self, life: Life, conversation_id: str) -> None:
        """Let a bot say something later."""
        self._count += 1
        self._do(self._schedule, life, conversation_id, self._count)

    async def _schedule(self, life: Life, conversation_id: str, number: int) -> None:
        after = timedelta(seconds=self._random.choice((0, 1, 30, 200)))
        await life.bot.jobs.schedule("remind", after=after, data=(conversation_id, number))
        if not life.network.is_dead:
            self._jobs[number] = Place(life.app_id, conversation_id)

    def announce(self, life: Life) -> None:
        """Let a bot say something to many."""
        self._count += 1
        people = self._random.sample(self._people, self._random.randint(1, PEOPLE))
        self._do(self._announce, life, self._count, people)

    async def _announce(self, life: Life, number: int, people: list[str]) -> None:
        await life.bot.announce(f"news {number}", people)
        if not life.network.is_dead:
            self._announced[number] = (life.app_id, people)

    def _do(self, say: Say, life: Life, *what: Any) -> asyncio.Task[None]:
        task = life.do(_quietly(say, life, *what))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    # What must hold

    def unsaid(self) -> list[str]:
        """Return what was accepted, and was neither said nor refused for good."""
        said, refused = self._service.said, self._service.refused
        left = [
            text
            for place, text in self._expected()
            if text not in said.get(place, ()) and (*place, text) not in refused
        ]
        for place, key in self._promised:
            texts = self._keyed[place, key]
            is_refused = any((*place, one) in refused for one in texts)
            may_be_unsaid = is_refused and (place, key) not in self._sent
            if not may_be_unsaid and texts.isdisjoint(said.get(place, ())):
                left.append(min(texts))
        return left

    def _expected(self) -> Iterator[tuple[Place, str]]:
        for place, numbers in self._accepted.items():
            yield from ((place, f"said {number}") for number in numbers)
        for number, place in self._jobs.items():
            if not self._truth.may_give_up_job(place.bot, number):
                yield place, f"job {number}"
        for number, (bot, people) in self._announced.items():
            for one in people:
                yield Place(bot, contact_conversation_id(bot, one)), f"news {number}"

    def check(self, place: Place) -> None:
        """Raise Broken if something was said twice in a conversation, or out of order."""
        texts = self._service.said.get(place, [])
        mine = ("said ", "job ", "news ")
        once = [text for text in texts if text.startswith(mine)]
        once += [text.partition(" for ")[0] for text in texts if text.startswith("key ")]
        if repeated := [text for text, times in Counter(once).items() if times > 1]:
            raise Broken(f"what the bot said took effect more than once: {repeated}")
        comparable = self._accepted[place] | self._cancelled[place]
        said = [int(text.split()[1]) for text in texts if text.startswith("said ")]
        in_order = [number for number in said if number in comparable]
        if in_order != sorted(in_order):
            raise Broken(f"what the bot said took effect out of order: {in_order}")


async def _quietly(say: Say, life: Life, *what: Any) -> None:
    with contextlib.suppress(BlazebotError):  # such as that the bot is stopped
        await say(life, *what)


async def _outcome(
    life: Life, conversation_id: str, text: str, waits: bool, options: dict[str, Any]
) -> Literal["sent", "accepted"] | None:
    """Send something; return what the bot says became of it, None if it may be lost."""
    to = Conversation(conversation_id)
    try:
        await (life.bot.send if waits else life.bot.enqueue)(to, text, **options)
    except SendTimeout:
        waits = False  # it stays accepted
    except BlazebotError:
        return None
    if life.network.is_dead:
        return None
    return "sent" if waits else "accepted"
