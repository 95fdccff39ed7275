"""Five hundred people: who they are, where they write, and how fast."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from blazebot.errors import SandboxError
from blazebot.testing.control import Control, People
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.limits import QUOTA_PER_MINUTE
from soak.checker import Checker, Conversation, QuestionIds
from soak.writing import Author, Written

__all__ = ["BURST_RATE", "Crowd", "Pace", "populate"]

PEOPLE: Final = 500
GROUPS: Final = 40
GROUP_SIZE: Final = 3

BURST_RATE: Final = 2 * QUOTA_PER_MINUTE / 60
"""Texts a second in a burst: twice what the bot may answer."""

_BURST: Final = 10.0  # seconds; in short runs less
_BURST_EVERY: Final = 300.0
_AT_ONCE: Final = 500  # messages in one command
_AT_ONCE_IN_BURST: Final = 2000
_BEHIND: Final = 3000  # messages that people catch up with, after the sandbox was away
_OPEN: Final = 60_000  # unanswered ones, beyond which people wait
_TICK: Final = 0.1
_ERRAND_EVERY: Final = 1.0
_TRIES: Final = 5
_ENCRYPTED_AIM: Final = 0.25
_TRANSFERS: Final = ("SYSTEM_ACCOUNT_SNAPSHOT", "SYSTEM_SAFE_SNAPSHOT", "SYSTEM_SAFE_INSCRIPTION")


async def populate(control: Control, people: People, bot_id: str) -> list[Conversation]:
    """Create people and groups with the bot; nobody has said anything yet."""
    ids = await people.create([f"Person {number}" for number in range(PEOPLE)])
    conversations = [
        Conversation(number, contact_conversation_id(bot_id, one), (one,))
        for number, one in enumerate(ids)
    ]
    for number in range(GROUPS):
        members = ids[number * GROUP_SIZE : (number + 1) * GROUP_SIZE]
        group = await control.call(
            "POST",
            "/groups",
            {"creator_id": members[0], "participants": [*members[1:], bot_id], "name": "Group"},
        )
        conversations.append(
            Conversation(PEOPLE + number, group["conversation_id"], tuple(members))
        )
    return conversations


class Pace:
    """How many messages a second, over a run of ``seconds``."""

    def __init__(self, rate: float, seconds: float) -> None:
        count = max(1, int(seconds // _BURST_EVERY))
        self._begins = deque(seconds * (number + 0.5) / count for number in range(count))
        self.rate = rate
        """Messages a second, but for bursts."""
        self.burst = round(min(_BURST, seconds / 60) * BURST_RATE)
        """How many texts a burst is."""

    def takes_burst(self, elapsed: float) -> bool:
        """Tell whether another burst begins now, so many seconds after the start."""
        if not self._begins or elapsed < self._begins[0]:
            return False
        self._begins.popleft()
        return True


class Crowd:
    """All people, writing. ``encrypts`` may be switched off for a while."""

    def __init__(
        self,
        control: Control,
        people: People,
        checker: Checker,
        conversations: Sequence[Conversation],
        *,
        bot_id: str,
        ids: QuestionIds,
        chance: random.Random,
    ) -> None:
        self._control = control
        self._people = people
        self._checker = checker
        self._groups = [one for one in conversations if len(one.people) > 1]
        self._contacts = [one for one in conversations if len(one.people) == 1]
        self._bot_id = bot_id
        self._chance = chance
        self._author = Author(chance, conversations, ids, checker.settled)
        self.encrypts = True
        self.burst_rates: list[float] = []
        """Texts a second that were taken in each burst, from its first to its last."""

    async def befriend(self) -> None:
        """Let everybody add the bot as a friend: their first messages, Hello, come of it."""
        people = [one.people[0] for one in self._contacts]
        await self._people.add_friend(people, self._bot_id)

    async def write(self, pace: Pace, seconds: float, *, has_ended: Callable[[], bool]) -> None:
        """Write for so many seconds, or until ``has_ended()``.

        Raises:
            SandboxError: the sandbox refuses a message, or takes none any more.
        """
        began = last = time.monotonic()
        due = 0.0
        while (now := time.monotonic()) - began < seconds and not has_ended():
            due = min(_BEHIND, due + pace.rate * (now - last))
            last = now
            if self._checker.open > _OPEN:
                due = 0.0
            while due >= 1:
                count = min(int(due), _AT_ONCE)
                due -= count
                await self._send([self._compose() for _ in range(count)])
            if pace.takes_burst(now - began):
                await self._burst(pace.burst)
                last = time.monotonic()
            await asyncio.sleep(max(0.0, now + _TICK - time.monotonic()))

    async def _burst(self, count: int) -> None:
        """Write texts at :data:`BURST_RATE`; what could not be sent in time is sent late."""
        began, sent = time.monotonic(), 0
        while sent < count:
            due = int(BURST_RATE * (time.monotonic() - began + _TICK)) - sent
            due = min(due, count - sent, _AT_ONCE_IN_BURST)
            if due > 0:
                await self._send([self._known(self._author.text()) for _ in range(due)])
                sent += due
            await asyncio.sleep(max(0.0, began + sent / BURST_RATE - time.monotonic()))
        self.burst_rates.append(count / (time.monotonic() - began))

    def _compose(self) -> Written:
        counts = self._checker.counts
        few = counts.encrypted < _ENCRYPTED_AIM * counts.messages
        share = (0.95 if few else 0.2) if self.encrypts else 0.0
        return self._known(self._author.message(share))

    def _known(self, written: Written) -> Written:
        """Return what is about to be written, once the checker knows of it."""
        self._checker.wrote(
            written.person,
            written.conversation,
            written.request["message_id"],
            digest=written.digest,
            encrypted=written.encrypted,
            counted=written.counted,
        )
        return written

    async def _send(self, batch: Sequence[Written]) -> None:
        requests = [one.request for one in batch]
        for _ in range(_TRIES):
            # Where no answer came, it is done or not: the same ids take effect once.
            with suppress(SandboxError):
                answer = await self._people.call("send", messages=requests)
                break
        else:
            raise SandboxError("the sandbox takes no messages")
        for outcome in answer["messages"]:
            if "error" in outcome:
                raise SandboxError(f"the sandbox refused a message: {outcome['error']}")

    async def run_errands(self) -> None:
        """Pay the bot and rename groups, so that the service itself has something to say."""
        while True:
            await asyncio.sleep(_ERRAND_EVERY)
            path, body = self._errand()
            with suppress(SandboxError):  # the sandbox is away: it is done or not, as people see
                await self._control.call("POST", path, body)

    def _errand(self) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        if chance.random() < 0.5:
            person = chance.choice(self._contacts).people[0]
            body = {"bot_id": self._bot_id, "category": chance.choice(_TRANSFERS)}
            return f"/people/{person}/transfers", body
        group = chance.choice(self._groups)
        path = f"/people/{group.people[0]}/conversations/{group.conversation_id}"
        return path, {"name": f"Group {chance.random()}"}
