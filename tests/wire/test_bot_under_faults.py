"""Each fault of the sandbox, and a bot that survives it with nothing lost and nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest

from blazebot import Bot
from blazebot.delivery.inbox import Inbox, Verdict
from blazebot.delivery.message_ids import SentByHandler
from blazebot.errors import SandboxError, Unauthorized
from blazebot.keys.tokens import sign_token
from blazebot.sandbox.faults import Kind
from blazebot.testing.tally import Tally, tally
from blazebot.wire.messages import MessageView
from tests.wire.sandbox_peers import close_code, new_id, sandbox_here
from tests.wire.world import WITHIN, MakeBot, World, echoing

# It soon pushes again what is not acknowledged.
pytestmark = pytest.mark.sandbox("shared", redeliver_after=0.5)

PEOPLE, TEXTS = 5, 12

FOREVER: dict[str, Any] = {"times": None}

CASES: dict[str, list[dict[str, Any]]] = {
    "drop once": [{"kind": "drop"}],
    "drop again": [{"kind": "drop", "times": 2, "probability": 0.2}],
    "abort": [{"kind": "abort", "times": 2, "probability": 0.2}],
    "half-open": [{"kind": "freeze"}],
    "handshakes refused": [{"kind": "refuse_handshake", "times": 2}, {"kind": "drop"}],
    "401 that is none": [{"kind": "unauthorized", "only": "line"}],
    "401 at one handshake": [{"kind": "unauthorized", "only": "handshake"}, {"kind": "drop"}],
    "slow answers": [{"kind": "slow", "seconds": 0.2, "times": 20, "probability": 0.5}],
    "slower than a request may take": [{"kind": "slow", "seconds": 1, "times": 3}],
    "stalled answer": [{"kind": "stall", "only": "CREATE_MESSAGE", "times": 2}],
    "lost answers": [{"kind": "lost_answer", "only": "CREATE_MESSAGE", "times": 3}],
    "lost answers to receipts": [{"kind": "lost_answer", "only": "ACKNOWLEDGE_*", "times": 3}],
    "lost answer to the listing": [
        {"kind": "lost_answer", "only": "LIST_PENDING_MESSAGES"},
        {"kind": "drop"},
    ],
    "lost acknowledgements": [{"kind": "lost_acknowledgement", "times": 5}],
    "everything pushed twice": [{"kind": "duplicate", **FOREVER}],
    "reordered": [{"kind": "reorder", **FOREVER}],
    "truncated frames": [{"kind": "truncate", "times": 8, "probability": 0.3}],
    "corrupt frames": [{"kind": "corrupt", "times": 8, "probability": 0.3}],
    "unknown actions": [{"kind": "unknown_action", "times": 10}],
    "unknown categories": [{"kind": "unknown_category", "times": 10}],
    "429": [{"kind": "error", "code": 429, "times": 3, "only": "CREATE_MESSAGE"}],
    "500": [{"kind": "error", "code": 500, "times": 3, "only": "CREATE_MESSAGE"}],
    "7000 to receipts": [{"kind": "error", "code": 7000, "times": 3, "only": "ACKNOWLEDGE_*"}],
    "500 to the listing": [{"kind": "error", "only": "LIST_PENDING_MESSAGES"}, {"kind": "drop"}],
}
"""What goes wrong while people write, each name once."""

DAMAGED = {"truncated frames", "corrupt frames"}
"""A message that cannot be read comes again after later ones: nobody can know whose it was."""

BY_OTHER_TESTS = {"clock_off", "bad_gateway", "restart"}
"""Kinds that end a bot, strike all, or belong to REST: below."""


@pytest.fixture
def impatient() -> Mapping[str, Any]:
    """Settings of a bot that soon notices what is wrong."""
    return {"request_timeout": 0.6, "heartbeat": 0.5, "handler_timeout": 20}


class Conversations:
    """People who write to an echo bot all at once, and what became of it."""

    def __init__(self, world: World, bot: Bot, names: list[str]) -> None:
        self._world, self._bot = world, bot
        self.sent = {name: [f"{index} of {name}" for index in range(TEXTS)] for name in names}

    @classmethod
    async def begin(cls, world: World, bot: Bot) -> Conversations:
        return cls(world, bot, [await world.person(bot) for _ in range(PEOPLE)])

    async def write(self) -> None:
        await self._world.people.send(
            [
                {"person_id": person, "recipient_id": self._bot.id, "text": texts[turn]}
                for turn in range(TEXTS)
                for person, texts in self.sent.items()
            ]
        )

    def tally(self) -> Tally:
        seen = {
            person: [text for text in self._world.texts(person, self._bot) if text != "Hello"]
            for person in self.sent
        }
        read = {
            person: sum(
                status == "READ"
                for text, status in self._world.statuses(person).items()
                if text != "Hello"
            )
            for person in self.sent
        }
        return tally(self.sent, seen, read)

    async def until_all_is_read(self) -> None:
        await self._world.until(lambda: self.tally().read == PEOPLE * TEXTS)


class Attempt:
    """A bot and its people while something goes wrong."""

    def __init__(self, world: World, bot: Bot, people: Conversations) -> None:
        self._world, self._bot, self._people = world, bot, people

    @classmethod
    async def begin(cls, world: World, settings: Mapping[str, Any]) -> Attempt:
        bot = echoing(await world.bot(**settings))
        return cls(world, bot, await Conversations.begin(world, bot))

    async def run(self, faults: list[dict[str, Any]]) -> tuple[Tally, list[int]]:
        """Return what became of the texts, and how often each fault struck."""
        control = self._world.control
        async with self._bot:
            added = [await control.add_fault(bot_id=self._bot.id, **fault) for fault in faults]
            await self._people.write()
            await self._people.until_all_is_read()
            struck = {one["fault_id"]: one["struck"] for one in await faults_of(self._world)}
        return self._people.tally(), [struck[one] for one in added]


async def faults_of(world: World) -> list[dict[str, Any]]:
    """The faults, once the sandbox is there: a restart begins a moment after it was asked for."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await world.control.faults()
            except SandboxError:
                await asyncio.sleep(0.05)


async def test_nothing_lost_and_nothing_twice(world: World, impatient: Mapping[str, Any]) -> None:
    """All cases at once, each with a bot of its own: a fault strikes only whom it is meant for."""
    attempts = [await Attempt.begin(world, impatient) for _ in CASES]
    outcomes = await asyncio.gather(
        *(attempt.run(faults) for attempt, faults in zip(attempts, CASES.values(), strict=True)),
        return_exceptions=True,
    )
    failed = {}
    for case, outcome in zip(CASES, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            failed[case] = repr(outcome)
            continue
        counts, struck = outcome
        if case in DAMAGED:
            counts = replace(counts, out_of_order=0)
        if not counts.is_perfect or not all(struck):
            failed[case] = f"{counts}, struck {struck}"
    assert not failed


async def test_a_restart(world: World, impatient: Mapping[str, Any]) -> None:
    bot = echoing(await world.bot(**impatient))
    people = await Conversations.begin(world, bot)
    async with bot:
        await world.control.add_fault("restart", seconds=0.3)
        await people.write()
        await people.until_all_is_read()
        async with asyncio.timeout(WITHIN):
            while True:  # it may have been read before
                status = bot.status()
                if status.state == "open" and status.counts and status.counts.reconnects:
                    break
                await asyncio.sleep(0.02)
    assert people.tally().is_perfect


def test_every_kind_is_tried() -> None:
    tried = {fault["kind"] for faults in CASES.values() for fault in faults}
    assert tried | BY_OTHER_TESTS == set(get_args(Kind))


def accept_everything(self: Inbox, view: MessageView) -> Verdict:
    self._accept(view)
    return Verdict.ACCEPTED


def random_id(self: SentByHandler, conversation_id: str, category: str, content: bytes) -> str:
    return new_id()


async def test_the_count_sees_a_bot_that_does_not_remove_duplicates(
    world: World, impatient: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inbox, "offer", accept_everything)
    monkeypatch.setattr(SentByHandler, "message_id", random_id)
    bot = echoing(await world.bot(**impatient))
    async with bot:
        people = await Conversations.begin(world, bot)
        await world.control.add_fault("duplicate", times=None)
        await people.write()
        await people.until_all_is_read()
    assert people.tally().duplicated > 0


async def test_an_error_for_good_reaches_the_handler(
    world: World, impatient: Mapping[str, Any]
) -> None:
    """403 is no outage: the handler fails and is tried again, and then answers."""
    bot = echoing(await world.bot(**impatient))
    async with bot:
        people = await Conversations.begin(world, bot)
        await world.control.add_fault("error", code=403, only="CREATE_MESSAGE", times=2)
        await people.write()
        await people.until_all_is_read()
    assert people.tally().is_perfect


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"kind": "clock_off", "seconds": 900.0, **FOREVER}, "clock"),
        ({"kind": "clock_off", "seconds": -900.0, **FOREVER}, "clock"),
        ({"kind": "unauthorized", **FOREVER}, "session"),
    ],
    ids=["clock ahead", "clock behind", "401 now"],
)
async def test_a_bot_that_is_refused_ends_and_another_goes_on_where_it_was(
    world: World, make_bot: MakeBot, impatient: Mapping[str, Any], fault: dict[str, Any], cause: str
) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    refused = echoing(make_bot(world.sandbox.url, keystore, **impatient))
    async with refused:
        people = await Conversations.begin(world, refused)
        await people.write()
        await world.control.add_fault(bot_id=bot_id, **fault)
        await world.control.add_fault("abort", bot_id=bot_id)
        with pytest.raises(Unauthorized) as caught:
            async with asyncio.timeout(20):
                await refused.wait_closed()
    assert caught.value.cause == cause
    await world.control.clear_faults()
    async with echoing(make_bot(world.sandbox.url, keystore, **impatient)):
        await people.until_all_is_read()
    assert people.tally().is_perfect


REST_FAULTS: dict[str, dict[str, Any]] = {
    "HTML instead of JSON": {"kind": "bad_gateway", "times": 2},
    "429": {"kind": "error", "code": 429, "times": 2},
    "500": {"kind": "error", "code": 500, "times": 2},
    "lost answer": {"kind": "lost_answer", "times": 2},
    "slow": {"kind": "slow", "seconds": 1},
    "stalled": {"kind": "stall"},
}


@pytest.mark.parametrize("case", REST_FAULTS)
async def test_a_call_under_faults(world: World, impatient: Mapping[str, Any], case: str) -> None:
    """The first message to somebody creates the conversation by REST."""
    async with await world.bot(**impatient) as bot:
        alice = await world.person()
        await world.control.add_fault(only="POST /conversations", **REST_FAULTS[case])
        await bot.send(alice, "once")
        await world.until(lambda: world.texts(alice, bot) == ["once"])
        assert (await world.control.faults())[0]["struck"] > 0


@pytest.mark.parametrize("case", REST_FAULTS)
async def test_receipts_by_rest_under_faults(
    world: World, impatient: Mapping[str, Any], case: str
) -> None:
    bot = echoing(await world.bot(**impatient))
    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: world.statuses(alice) == {"Hello": "READ"})
        # While no line opens the receipt of what is being handled goes by REST.
        await world.control.add_fault("error", code=500, only="ACKNOWLEDGE_*", times=None)
        await world.control.add_fault(only="POST /acknowledgements", **REST_FAULTS[case])
        await world.say(alice, bot, "hi")
        await world.until(lambda: world.texts(alice, bot) == ["Hello", "hi"])
        await world.control.add_fault("refuse_handshake", times=None)
        await world.control.add_fault("abort")
        await world.until(lambda: world.statuses(alice).get("hi") == "READ")
        assert (await world.control.faults())[1]["struck"] > 0
        await world.control.clear_faults()


async def test_the_same_seed_makes_the_same_faults(tmp_path: Path) -> None:
    async def run(seed: int) -> list[bool]:
        fault = "error probability=0.5 times=forever only='GET /me'"
        async with sandbox_here(faults=(fault,), fault_seed=seed) as box:
            bot = await box.bot()
            return ["error" in (await box.rest(bot, "GET", "/me"))[1] for _ in range(40)]

    first = await run(1)
    assert set(first) == {True, False}
    assert first == await run(1) != await run(2)


@pytest.mark.sandbox("own")
async def test_two_restarts_and_the_newest_says_when_it_is_back(world: World) -> None:
    await world.control.add_fault("restart", seconds=30.0)
    await world.control.add_fault("restart", seconds=0.2)
    async with asyncio.timeout(10):
        while (await faults_of(world))[0]["struck"] != 1:
            pass
    await asyncio.gather(*(faults_of(world) for _ in range(5)))


async def test_a_restart_from_the_start(tmp_path: Path) -> None:
    async with sandbox_here(faults=("restart seconds=0.1",)) as box:
        async with asyncio.timeout(10):
            while True:
                try:
                    faults = (await box.do("GET", "/faults"))["faults"]
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
        assert [one["struck"] for one in faults] == [1]


async def test_a_frozen_line_stays_until_another_is_opened() -> None:
    async with sandbox_here(silence_limit=0.2, heartbeat=0.05) as box:
        bot = await box.bot()
        frozen = await box.connect(bot)
        await box.do("POST", "/faults", {"kind": "freeze"})
        await asyncio.sleep(1)  # several times the limit: nothing is to happen
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["connected"]
        async with box.line(bot):
            assert await close_code(frozen.socket) is not None


async def test_what_is_stalled_does_not_hold_up_the_end() -> None:
    async with sandbox_here(stop_grace=20.0) as box:
        bot = await box.bot()
        await box.do("POST", "/faults", {"kind": "stall", "times": None})
        stalled = asyncio.create_task(box.rest(bot, "GET", "/me"))
        while not (await box.do("GET", "/faults"))["faults"][0]["struck"]:
            pass
        began = time.monotonic()
    assert time.monotonic() - began < 10
    await asyncio.gather(stalled, return_exceptions=True)


async def test_a_lost_acknowledgement_is_answered_as_any_other() -> None:
    async with sandbox_here() as box:
        bot, alice = await box.bot(), await box.person()
        where = await box.befriend(alice, bot)
        await box.do("POST", "/faults", {"kind": "lost_acknowledgement", "times": None})
        said = await box.say(alice, "hi", conversation_id=where)
        receipt = {"message_id": said, "status": "READ"}
        _, answer = await box.rest(bot, "POST", "/acknowledgements", [receipt])
        assert answer == {"data": [receipt]}
        _, refused = await box.rest(bot, "POST", "/acknowledgements", b"not json")
        assert refused["error"]["code"] == 400
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["pending"] == 2


async def test_a_clock_that_is_off_refuses_a_token_that_opened_a_line_before() -> None:
    async with sandbox_here() as box:
        bot = await box.bot()
        token = sign_token(bot, "GET", "/", now=time.time())
        await (await box.dial(token)).close()
        await box.do("POST", "/faults", {"kind": "clock_off", "times": None})
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await box.dial(token)
