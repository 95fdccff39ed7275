"""Once, in order, acknowledged, within bounds: a bot against the real sandbox process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from blazebot import Content, Conversation, Message, Text
from blazebot.delivery.dead_letters import DeadLetters
from tests.wire.world import World, echoing

pytestmark = pytest.mark.sandbox("shared")


async def test_a_reply_and_the_ticks(world: World) -> None:
    bot = echoing(await world.bot())
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "hi", "你好 🚀")
        await world.until(lambda: world.texts(alice, bot) == ["Hello", "hi", "你好 🚀"])
        await world.until(lambda: set(world.statuses(alice).values()) == {"READ"})


async def test_what_no_handler_takes_is_read(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        await world.until(lambda: world.statuses(alice) == {"Hello": "READ"})


async def test_send_outside_a_handler_to_a_person_and_to_a_conversation(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        await bot.send(alice, "one")
        await bot.send(alice.upper(), Text("two"))
        conversation_id = next(iter(world.people.seen[alice].values()))["conversation_id"]
        await bot.send(Conversation(conversation_id), "three")
        await world.until(lambda: world.texts(alice, bot) == ["one", "two", "three"])


async def test_two_bots_in_a_group_both_answer_one_message(world: World) -> None:
    one, two = echoing(await world.bot("One")), echoing(await world.bot("Two"))
    async with one, two:
        alice = await world.person()
        group = await world.control.call(
            "POST", "/groups", {"creator_id": alice, "name": "g", "participants": [one.id, two.id]}
        )
        await world.people.send(
            [
                {
                    "person_id": alice,
                    "conversation_id": group["conversation_id"],
                    "text": "anybody here?",
                }
            ]
        )
        await world.until(
            lambda: world.texts(alice, one) == world.texts(alice, two) == ["anybody here?"]
        )


async def test_a_handler_whose_words_differ_between_runs_loses_nothing(world: World) -> None:
    bot = await world.bot()
    runs = 0

    @bot.on(Text)
    async def answer(message: Message[Text]) -> None:
        nonlocal runs
        runs += 1
        await message.reply("the same")
        await message.reply(f"run {runs}")
        await message.reply(f"run {runs}, named", key="named")
        await bot.send(message.user_id, "sent, not replied")
        if runs == 1:
            raise RuntimeError("after all was sent")

    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: "READ" in world.statuses(alice).values())
    assert runs == 2
    assert world.texts(alice, bot) == [
        "the same",
        "run 1",
        "run 1, named",
        "sent, not replied",
        "run 2",
    ]


@pytest.mark.parametrize("poison", [ValueError, SystemExit])  # argparse exits
async def test_a_poisoned_message_becomes_a_dead_letter_and_blocks_nobody_for_long(
    world: World, poison: type[BaseException]
) -> None:
    bot = await world.bot(max_tries=2)
    tries: list[str] = []
    told: list[str] = []

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        tries.append(message.content.text)
        if message.content.text == "poison":
            raise poison("no antidote")
        await message.reply(message.content.text)

    @bot.on_error
    async def tell(message: Message[Content], error: BaseException) -> None:
        told.append(str(error))
        await message.reply("sorry")

    async with bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await world.say(alice, bot, "poison", "after")
        await world.say(bob, bot, "meanwhile")
        await world.until(lambda: "meanwhile" in world.texts(bob, bot))
        await world.until(lambda: world.texts(alice, bot) == ["Hello", "sorry", "after"])
        await world.until(
            lambda: (
                world.statuses(alice) == {"Hello": "READ", "poison": "DELIVERED", "after": "READ"}
            )
        )
    assert tries.count("poison") == 2
    assert told == ["no antidote"]
    letters = DeadLetters(Path(bot.settings.data_dir or "") / bot.id / "dead-letters.db")
    assert [letter.error for letter in letters.all()] == [f"{poison.__name__}: no antidote"]
    letters.close()


async def test_a_handler_that_hangs_is_ended_at_its_deadline(world: World) -> None:
    bot = await world.bot(handler_timeout=0.3, max_tries=2)
    errors: list[str] = []

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        if message.content.text == "hang":
            await asyncio.Event().wait()
        await message.reply("done")

    @bot.on_error
    async def tell(message: Message[Content], error: BaseException) -> None:
        errors.append(str(error))
        await asyncio.Event().wait()  # and so is an error handler that hangs

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "hang", "next")
        await world.until(lambda: world.statuses(alice).get("next") == "READ")
    assert world.statuses(alice)["hang"] == "DELIVERED"
    assert "handler_timeout" in errors[0]


async def test_order_holds_in_a_conversation_and_others_run_beside_it(world: World) -> None:
    bot = await world.bot()
    running = 0
    most = 0

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        # Later messages are quicker: they would overtake.
        await asyncio.sleep(0.02 if message.content.text < "5" else 0)
        running -= 1
        await message.reply(message.content.text)

    texts = [str(number) for number in range(10)]
    async with bot:
        everybody = [await world.person(bot) for _ in range(5)]
        for person in everybody:
            await world.say(person, bot, *texts)
        for person in everybody:
            await world.until_texts(person, bot, texts)
    assert most > 1


async def test_one_flooding_person_does_not_slow_the_others(world: World) -> None:
    # Room for 60 in all and 20 in one conversation: the flood of 300 does not fit.
    bot = await world.bot(inbox_limit=60, conversation_limit=20, concurrency=4)
    gate = asyncio.Event()

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        if message.content.text.startswith("flood"):
            await gate.wait()
        await message.reply(message.content.text)

    floods = [f"flood {number:03}" for number in range(300)]
    async with bot:
        flooder, bob = await world.person(bot), await world.person(bot)
        await world.until(lambda: len(world.texts(bob, bot)) == 1)
        await world.say(flooder, bot, *floods)
        said = [f"bob {number}" for number in range(5)]
        for number, text in enumerate(said):
            await world.say(bob, bot, text)
            await world.until_texts(bob, bot, said[: number + 1])
        gate.set()
        await world.until_texts(flooder, bot, floods)
        state = await world.control.bot(bot.id)
    assert state["connections"] == 1


async def test_what_does_not_fit_is_asked_for_again_on_the_same_line(world: World) -> None:
    bot = echoing(await world.bot(inbox_limit=20, conversation_limit=5, concurrency=2))
    texts = [f"text {number:02}" for number in range(40)]
    async with bot:
        everybody = [await world.person(bot) for _ in range(10)]
        for person in everybody:
            await world.say(person, bot, *texts)
        for person in everybody:
            await world.until_texts(person, bot, texts)
        state = await world.control.bot(bot.id)
    assert state["connections"] == 1


@pytest.mark.sandbox("own", heartbeat=0.5, silence_limit=1.0, redeliver_after=1.0)
async def test_handlers_that_take_their_time_keep_one_line(world: World) -> None:
    # The sandbox pings every half second and drops a line that is silent for one.
    bot = await world.bot(inbox_limit=50, concurrency=10, heartbeat=1.0)
    started: dict[str, float] = defaultdict(float)

    @bot.on(Text)
    async def take(message: Message[Text]) -> None:
        if not started:
            started["at"] = asyncio.get_running_loop().time()
        # All slots are busy for three of the times after which a deaf line would be dropped.
        await asyncio.sleep(3 - (asyncio.get_running_loop().time() - started["at"]))
        await message.reply(message.content.text)

    texts = [str(number) for number in range(25)]
    async with bot:
        everybody = [await world.person(bot) for _ in range(20)]
        for person in everybody:
            await world.say(person, bot, *texts)
        for person in everybody:
            await world.until_texts(person, bot, texts)
        state = await world.control.bot(bot.id)
    assert state["connections"] == 1
