"""Conversations with steps: bots against the real sandbox process, and bots that are killed."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blazebot import Bot, Content, Job, Message, State, States, Step, Text, at_step
from blazebot.delivery.dead_letters import FILE_NAME, DeadLetters
from blazebot.testing.processes import Process
from tests.wire import survey_bot
from tests.wire.conftest import Logged
from tests.wire.world import MakeBot, World

pytestmark = pytest.mark.sandbox("shared")

PEOPLE = 6


class Asked(States, forget_after=timedelta(hours=1)):
    again = Step()


class Brief(States):
    first = Step()
    second = Step()


class SurveyBot:
    """The survey in a process of its own, that is killed and started again."""

    def __init__(self, world: World, bot_id: str, process: Process) -> None:
        self._world = world
        self.bot_id = bot_id
        self.process = process

    @classmethod
    async def make(cls, world: World, directory: Path, *arguments: str) -> SurveyBot:
        bot_id = await world.control.create_bot("Survey")
        keystore = json.dumps(dict(await world.control.issue_session(bot_id, "app")))
        program = (sys.executable, str(Path(survey_bot.__file__)))
        settings = (world.sandbox.url, keystore, str(directory / "data"))
        process = Process([*program, *settings, *arguments], log=directory / "bot.log")
        return cls(world, bot_id, process)

    async def person(self) -> Person:
        (person,) = await self._world.people.create(["Alice"])
        await self._world.people.watch([person])
        await self._world.people.add_friend([person], self.bot_id)
        return Person(self._world, person, self.bot_id)


class Person:
    """A person who answers the questions of a survey, and what they are asked."""

    def __init__(self, world: World, person: str, bot_id: str) -> None:
        self._world = world
        self.person = person
        self._bot_id = bot_id
        self.answers = (f"Alice {person[:4]}", str(int(person[:2], 16)), "Oslo", "cats")

    @property
    def summary(self) -> str:
        name, age, city, pets = self.answers
        return f"{name}, {age}, of {city}, has {pets}"

    @property
    def perfect(self) -> list[str]:
        """What the bot says if it asks each question once and gets all answers right."""
        return [*survey_bot.QUESTIONS, self.summary]

    def heard(self) -> list[str]:
        return [
            one["text"]
            for one in self._world.messages(self.person)
            if one["user_id"] == self._bot_id
        ]

    async def until_heard(self, count: int) -> None:
        await self._world.until(lambda: len(self.heard()) >= count)

    async def say(self, *texts: str) -> None:
        where = {"person_id": self.person, "recipient_id": self._bot_id}
        await self._world.people.send([{**where, "text": text} for text in texts])

    async def take_part(self) -> None:
        """Answer each question when it has come, and wait for the summary."""
        for count, answer in enumerate(self.answers, 1):
            await self.until_heard(count)
            await self.say(answer)
        await self.until_heard(len(self.perfect))

    async def until_read(self) -> None:
        await self._world.until(lambda: set(self._world.statuses(self.person).values()) == {"READ"})


@pytest.fixture
async def survey(world: World, tmp_path: Path) -> AsyncIterator[SurveyBot]:
    bot = await SurveyBot.make(world, tmp_path)
    yield bot
    await bot.process.kill()


async def test_a_survey_and_a_bot_that_is_replaced_on_the_way(
    world: World, make_bot: MakeBot
) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    bots = [make_bot(world.sandbox.url, keystore) for _ in range(2)]
    for bot in bots:
        bot.include(survey_bot.router)
    async with bots[0]:
        alice = Person(world, await world.person(bots[0]), bot_id)
        await alice.until_heard(1)
        await alice.say(alice.answers[0], "old")
        await alice.until_heard(3)
    async with bots[1]:
        await alice.say(*alice.answers[1:])
        await alice.until_heard(6)
    perfect = alice.perfect
    assert alice.heard() == [*perfect[:2], "A number, please.", *perfect[2:]]


async def test_a_bot_that_is_killed_again_and_again(world: World, survey: SurveyBot) -> None:
    chance = random.Random(5)
    await survey.process.start()
    people = [await survey.person() for _ in range(PEOPLE)]
    talks = asyncio.gather(*(one.take_part() for one in people))
    kills = 0
    while not talks.done():
        for _ in range(chance.randint(1, 3)):
            change = asyncio.ensure_future(world.people.change())
            await asyncio.wait((change, talks), return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
        await survey.process.kill()
        await survey.process.start()
        kills += 1
    await talks
    for one in people:
        await one.until_read()
    assert [one.heard() for one in people] == [one.perfect for one in people]
    assert kills >= 3


async def killed_before_anything_is_acknowledged(world: World, bot: SurveyBot) -> list[Person]:
    """Let people give two answers, kill the bot, and let them give the rest to the next."""
    await bot.process.start()
    people = [await bot.person() for _ in range(PEOPLE)]
    await world.control.add_fault("lost_acknowledgement", bot_id=bot.bot_id, times=None)
    for one in people:
        await one.say(*one.answers[:2])
    for one in people:
        await one.until_heard(3)
    await bot.process.kill()
    await world.control.clear_faults()
    await bot.process.start()
    for one in people:
        await one.until_read()
        await one.say(*one.answers[2:])
    for one in people:
        await one.until_read()
    return people


async def test_messages_that_come_again_all_at_once(world: World, survey: SurveyBot) -> None:
    people = await killed_before_anything_is_acknowledged(world, survey)
    assert [one.heard() for one in people] == [one.perfect for one in people]


async def test_what_is_heard_shows_a_bot_that_sees_only_the_newest(
    world: World, tmp_path: Path
) -> None:
    bot = await SurveyBot.make(world, tmp_path, "newest")
    try:
        people = await killed_before_anything_is_acknowledged(world, bot)
    finally:
        await bot.process.kill()
    assert not any(one.heard() == one.perfect for one in people)


async def test_a_handler_that_fails_has_changed_nothing(world: World) -> None:
    bot = await world.bot(max_tries=2)
    seen: list[Any] = []

    @bot.on(Text, Brief.first)
    async def take(message: Message[Text], state: State) -> None:
        seen.append((message.content.text, state.data["tries"]))
        state.set(Brief.second, tries=state.data["tries"] + 1)
        await message.reply("asked")
        if len(seen) == 1 or message.content.text == "poison":
            raise ValueError(message.content.text)
        state.set(Brief.first)

    @bot.on(Text)
    async def begin(message: Message[Text], state: State) -> None:
        state.set(Brief.first, tries=0)

    @bot.on_error
    async def sorry(message: Message[Content], error: Exception, state: State) -> None:
        await message.reply(f"sorry, {state.data}")
        state.clear()

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "one", "poison", "again")
        await world.until(lambda: world.statuses(alice).get("again") == "READ")
        async with bot.states.of(alice) as state:
            assert (state.step, state.data) == (Brief.first, {"tries": 0})
    assert seen == [("one", 0), ("one", 0), ("poison", 1), ("poison", 1)]
    assert world.texts(alice, bot) == ["asked", "asked", "sorry, {'tries': 1}"]


async def test_who_says_nothing_for_long_begins_anew(world: World) -> None:
    bot = await world.bot()

    @bot.on(Text, Asked.again)
    async def again(message: Message[Text], state: State) -> None:
        await message.reply(f"after {state.data['first']}")

    @bot.on(Text)
    async def first(message: Message[Text], state: State) -> None:
        state.set(Asked.again, first=message.content.text)
        await message.reply(f"first {len(state.data)}")

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "one")
        await world.until(lambda: len(world.texts(alice, bot)) == 2)
        await world.control.call("POST", "/clocks", {"retention_offset": 3601.0})
        await world.say(alice, bot, "two", "three")
        await world.until(lambda: len(world.texts(alice, bot)) == 4)
    assert world.texts(alice, bot) == ["first 1", "after Hello", "first 1", "after two"]


async def test_a_job_asks_a_person_something(world: World) -> None:
    bot = await world.bot()

    @bot.on(Text, Brief.first)
    async def answer(message: Message[Text], state: State) -> None:
        await message.reply(f"{message.content.text} to {state.data['question']}")
        state.clear()

    @bot.job
    async def ask(job: Job[str]) -> None:
        async with bot.states.of(job.data) as state:
            state.set(Brief.first, question="tea?")
        await bot.send(job.data, "tea?")

    async with bot:
        alice = await world.person(bot)
        await bot.jobs.schedule(ask, after=timedelta(0), data=alice)
        await world.until(lambda: world.texts(alice, bot) == ["tea?"])
        await world.say(alice, bot, "yes", "what?")
        await world.until(lambda: world.statuses(alice).get("what?") == "READ")
    assert world.texts(alice, bot) == ["tea?", "yes to tea?"]


async def test_a_step_that_is_gone_from_the_code(
    world: World, make_bot: MakeBot, logged: Logged
) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    before, after = (make_bot(world.sandbox.url, keystore) for _ in range(2))

    @before.on(Text, ~at_step(Brief))
    async def begin(message: Message[Text], state: State) -> None:
        state.set(Brief.second, left="x")
        await message.reply("begun")

    @after.on(Text)
    async def take(message: Message[Text], state: State) -> None:
        await message.reply(f"{state.step} {dict(state.data)}")

    async with before:
        alice = await world.person(before)
        await world.until(lambda: world.texts(alice, before) == ["begun"])
    async with after:
        await world.say(alice, after, "hi")
        await world.until(lambda: world.texts(alice, after) == ["begun", "None {}"])
    await logged.until("Brief.second, which this bot does not have")


async def test_a_person_is_forgotten(world: World) -> None:
    bot: Bot = await world.bot()

    @bot.on(Text)
    async def count(message: Message[Text], state: State) -> None:
        number = state.data.get("number", 0) + 1
        state.update(number=number)
        await message.reply(str(number))

    async with bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await world.until(lambda: world.texts(alice, bot) == world.texts(bob, bot) == ["1"])
        await bot.states.forget(alice)
        await world.say(alice, bot, "x")
        await world.say(bob, bot, "x")
        await world.until(lambda: world.texts(alice, bot) == ["1", "1"])
        await world.until(lambda: world.texts(bob, bot) == ["1", "2"])


async def test_a_replayed_dead_letter_goes_on_from_the_state_as_it_is(world: World) -> None:
    bot = await world.bot(max_tries=1)
    poisoned = True

    @bot.on(Text)
    async def gather(message: Message[Text], state: State) -> None:
        if poisoned and message.content.text == "poison":
            raise ValueError
        texts = [*state.data.get("texts", []), message.content.text]
        state.update(texts=texts)
        await message.reply(" ".join(texts))

    async with bot:
        alice = await world.person()
        await world.say(alice, bot, "poison")
        await world.until(lambda: "DELIVERED" in world.statuses(alice).values())
        await world.say(alice, bot, "one")
        await world.until(lambda: world.texts(alice, bot) == ["one"])
        poisoned = False
        letters = DeadLetters(Path(bot.settings.data_dir or "") / bot.id / FILE_NAME)
        letters.ask_replay([letters.all()[0].view.message_id])
        letters.close()
        await world.until(lambda: world.texts(alice, bot) == ["one", "one poison"])
        await world.say(alice, bot, "two")
        await world.until(lambda: world.texts(alice, bot)[-1] == "one poison two")
