"""Routers, filters, injection, middleware and events: bots against the real sandbox process."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blazebot import (
    Bot,
    Command,
    Content,
    ConversationChange,
    F,
    HandlerTimeout,
    Message,
    Next,
    NextWith,
    Recall,
    Receipt,
    RegistrationError,
    RestClient,
    Router,
    Text,
    Transfer,
    User,
    in_group,
    middleware,
    quoted,
)
from blazebot.bot.middleware import LogContext
from blazebot.errors import NotRunning
from blazebot.wire.base64 import encode_base64
from tests.wire.conftest import Logged
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")

WITHIN = 20.0


class Visits:
    def __init__(self) -> None:
        self.count = 0


async def write(world: World, person: str, where: str, text: str, **fields: Any) -> None:
    """Let a person write to a conversation."""
    message = {"person_id": person, "conversation_id": where, "text": text, **fields}
    await world.people.send([message])


async def make_group(world: World, creator: str, *members: str) -> str:
    """Let a person make a group; return its conversation."""
    body = {"creator_id": creator, "name": "g", "participants": list(members)}
    conversation_id: str = (await world.control.call("POST", "/groups", body))["conversation_id"]
    return conversation_id


# Routers, commands, filters


async def test_a_bot_of_several_routers(world: World) -> None:
    bot, shop = await world.bot(), Router("shop")

    @shop.command("buy")
    async def buy(message: Message[Text], command: Command) -> None:
        await message.reply(f"bought: {', '.join(command.args)}")

    @shop.regex(r"(\d+) euros")
    async def price(message: Message[Text], found: re.Match[str]) -> None:
        await message.reply(f"{found[1]} is too much")

    @bot.on_friend_added
    async def greet(message: Message[Text], user: User) -> None:
        await message.reply(f"welcome, {user.full_name}")

    bot.include(shop)

    @bot.on(Text, quoted & F.content.text.contains("what"))
    async def explain(message: Message[Text]) -> None:
        await message.reply("that")

    @bot.fallback
    async def puzzled(message: Message[Content]) -> None:
        await message.reply("?")

    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: len(world.messages(alice)) == 2)
        hello = world.messages(alice)[0]
        await world.say(alice, bot, "/buy tea 'green tea'", "it costs 5 euros", "what?")
        where = hello["conversation_id"]
        quote = hello["message_id"]
        await write(world, alice, where, "what?", quote_message_id=quote)
        answers = ["welcome, Alice", "bought: tea, green tea", "5 is too much", "?", "that"]
        await world.until(lambda: world.texts(alice, bot) == answers)


async def test_where_a_message_was_written(world: World) -> None:
    bot = await world.bot()

    @bot.on(Text, in_group)
    async def crowd(message: Message[Text]) -> None:
        await message.reply("to all")

    @bot.on(Text)
    async def alone(message: Message[Text]) -> None:
        await message.reply("to you")

    async with bot:
        alice, bob = await world.person(bot), await world.person()
        await write(world, bob, await make_group(world, bob, alice, bot.id), "hi")
        await world.until(lambda: world.texts(alice, bot) == ["to you", "to all"])
        await world.until(lambda: world.texts(bob, bot) == ["to all"])


async def test_two_bots_share_a_router(world: World) -> None:
    shared = Router("shared")

    @shared.on(Text)
    async def answer(message: Message[Text], bot: Bot) -> None:
        await bot.send(message.user_id, f"this is {bot.id}")

    bots = [await world.bot("One"), await world.bot("Two")]
    for bot in bots:
        bot.include(shared)
    async with bots[0], bots[1]:
        alice = await world.person(*bots)
        for bot in bots:
            await world.until(lambda b=bot: world.texts(alice, b) == [f"this is {b.id}"])  # type: ignore[misc]


async def test_what_the_service_and_others_tell_a_bot(world: World) -> None:
    bot = await world.bot()
    told: asyncio.Queue[str] = asyncio.Queue()

    @bot.on_transfer
    async def thank(message: Message[Transfer]) -> None:
        told.put_nowait(f"{message.content.amount:f} by {message.content.opponent_id}")

    @bot.on_conversation_change
    async def change(message: Message[ConversationChange]) -> None:
        told.put_nowait(message.content.action)

    @bot.on_recall
    async def gone(message: Message[Recall]) -> None:
        told.put_nowait(f"gone: {message.content.message_id}")

    async with bot, asyncio.timeout(WITHIN):
        alice = await world.person(bot)
        await world.control.transfer(alice, bot.id, amount="1.5")
        assert await told.get() == f"1.5 by {alice}"
        await make_group(world, alice, bot.id)
        assert await told.get() in {"CREATE", "ADD"}
        hello = next(one for one in world.messages(alice) if one["user_id"] == alice)
        await world.people.send(
            [
                {
                    "person_id": alice,
                    "conversation_id": hello["conversation_id"],
                    "category": "MESSAGE_RECALL",
                    "data_base64": encode_base64(Recall(hello["message_id"]).encode()),
                }
            ]
        )
        while (last := await told.get()) in {"CREATE", "ADD"}:
            pass
        assert last == f"gone: {hello['message_id']}"


async def test_receipts_come_to_their_handlers_one_after_another(world: World) -> None:
    bot = await world.bot()
    bot.provide(Visits())
    taken: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    @bot.on_receipt
    async def fail(receipt: Receipt) -> None:
        raise ValueError("the next one is called all the same")

    @bot.on_receipt
    async def take(receipt: Receipt, visits: Visits) -> None:
        visits.count += 1
        taken.put_nowait((receipt.message_id, receipt.status, receipt.user_id))
        if receipt.status == "READ":
            await receipt.bot.send(receipt.user_id, "you have read it")

    async with bot, asyncio.timeout(WITHIN):
        alice = await world.person(bot)
        sent = await bot.send(alice, "read me")
        assert await taken.get() == (sent, "DELIVERED", alice)
        await world.control.call("POST", f"/people/{alice}/read", {"message_ids": [sent]})
        assert await taken.get() == (sent, "READ", alice)
        await world.until(lambda: world.texts(alice, bot) == ["read me", "you have read it"])


# Injection


async def test_a_profile_is_fetched_once_for_many_messages(world: World) -> None:
    bot = await world.bot()

    @bot.on(Text)
    async def answer(message: Message[Text], user: User, rest: RestClient) -> None:
        assert (await rest.me()).user_id == bot.id
        await message.reply(f"{user.full_name}: {message.content.text}")

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "one", "two")
        answers = ["Alice: Hello", "Alice: one", "Alice: two"]
        await world.until(lambda: world.texts(alice, bot) == answers)
        log = [one async for one in world.control.log(bot_id=bot.id)]
        profiles = [one for one in log if alice in str(one.get("path", ""))]
        assert len(profiles) == 1


def asks_for_what_is_not_there(bot: Bot) -> None:
    @bot.on(Text)
    async def take(message: Message[Text], visits: Visits) -> None: ...


def takes_a_command_twice(bot: Bot) -> None:
    @bot.command("start")
    async def one(message: Message[Text]) -> None: ...

    @bot.command("start")
    async def two(message: Message[Text]) -> None: ...


@pytest.mark.parametrize("register", [asks_for_what_is_not_there, takes_a_command_twice])
async def test_a_wrong_handler_ends_the_start_before_anything_connects(
    world: World, tmp_path: Path, register: Callable[[Bot], None]
) -> None:
    bot = await world.bot()
    register(bot)
    with pytest.raises(RegistrationError, match=r"test_bot_router\.py:\d+"):
        await bot.start()
    assert (await world.control.bot(bot.id))["connections"] == 0
    assert not (tmp_path / "data").exists()  # and nothing is locked


# The start and the end


async def test_the_start_and_the_end(world: World) -> None:
    bot, router = await world.bot(), Router("router")
    bot.provide(Visits())
    steps: list[str] = []

    @bot.on_startup
    async def open_all(rest: RestClient) -> None:
        assert (await rest.me()).user_id == bot.id
        assert (await world.control.bot(bot.id))["connections"] == 0
        with pytest.raises(NotRunning, match="on_startup"):
            await bot.send(bot.id, "too early")
        steps.append("first start")

    @router.on_startup
    async def open_more(visits: Visits, me: Bot) -> None:
        steps.append("second start")

    @bot.on_shutdown
    async def close_all() -> None:
        steps.append("last end")

    @router.on_shutdown
    async def close_more(me: Bot) -> None:
        await me.send(alice, "bye")
        steps.append("first end")
        raise ValueError("the next one is called all the same")

    @router.on(Text)
    async def take(message: Message[Text]) -> None:
        steps.append("message")
        taking.set()
        await stopping.wait()
        steps.append("handled")

    taking, stopping = asyncio.Event(), asyncio.Event()
    bot.include(router)
    async with bot, asyncio.timeout(WITHIN):
        alice = await world.person(bot)
        await taking.wait()
        asyncio.get_running_loop().call_later(0.05, stopping.set)
    assert steps == [
        "first start",
        "second start",
        "message",
        "handled",
        "first end",
        "last end",
    ]
    await world.until(lambda: world.texts(alice, bot) == ["bye"])


async def test_a_start_that_fails_leaves_nothing_behind(world: World) -> None:
    bot = await world.bot()
    problems: list[Exception] = [ValueError("no database")]

    @bot.on_startup
    async def open_all() -> None:
        if problems:
            raise problems.pop()

    @bot.on_shutdown
    async def never_after_a_failed_start() -> None:
        assert not problems

    with pytest.raises(ValueError, match="no database"):
        await bot.start()
    with pytest.raises(NotRunning):
        await bot.wait_open()
    bot.on(Text)(answer_yes)  # and there may be more handlers before it is tried again
    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: world.texts(alice, bot) == ["yes"])


async def answer_yes(message: Message[Text]) -> None:
    await message.reply("yes")


async def test_a_start_that_hangs_is_ended(world: World) -> None:
    bot = await world.bot(handler_timeout=0.2)

    bot.on_startup(hang)
    with pytest.raises(HandlerTimeout, match=r"hang \(.*handler_timeout"):
        await bot.start()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"handler_timeout": 0.2}, "handler hang ("), ({"stop_grace": 0.2}, "see stop_grace")],
)
async def test_an_end_that_hangs_is_ended(
    world: World, logged: Logged, settings: dict[str, Any], words: str
) -> None:
    bot = await world.bot(**settings)
    bot.on_shutdown(hang)
    async with asyncio.timeout(WITHIN), bot:
        pass
    await logged.until(words)


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_handler_that_comes_too_late_is_refused(world: World) -> None:
    bot, router = await world.bot(), Router("router")
    bot.include(router)
    async with bot:
        for handlers in (bot, router):
            with pytest.raises(RegistrationError, match=r"answer_yes .* comes too late"):
                handlers.on(Text)(answer_yes)
        with pytest.raises(RegistrationError, match="too late"):
            bot.provide(Visits())
        with pytest.raises(RegistrationError, match="too late"):
            router.include(Router("another"))
    router.on(Text)(answer_yes)
    bot.check()


# Errors


async def test_the_nearest_handler_of_such_an_error_is_called(world: World) -> None:
    bot, router = await world.bot(max_tries=1), Router("router")

    @bot.on_error
    async def of_the_bot(message: Message[Content], error: Exception) -> None:
        await message.reply(f"bot: {error}")

    @router.on_error(KeyError, ZeroDivisionError)
    async def of_the_router(message: Message[Content], error: Exception, user: User) -> None:
        await message.reply(f"router: {type(error).__name__} for {user.full_name}")

    errors = {"zero": ZeroDivisionError("zero"), "value": ValueError("value")}

    @router.on(Text, F.content.text.in_(errors))
    async def fail(message: Message[Text]) -> None:
        raise errors[message.content.text]

    bot.include(router)

    @bot.on(Text, F.content.text == "outside")
    async def fail_outside(message: Message[Text]) -> None:
        raise ZeroDivisionError("outside")

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "zero", "value", "outside")
        answers = ["router: ZeroDivisionError for Alice", "bot: value", "bot: outside"]
        await world.until(lambda: world.texts(alice, bot) == answers)


async def test_a_person_is_told_once_of_what_failed_for_good(world: World) -> None:
    bot = await world.bot(max_tries=3, handler_timeout=0.2)
    bot.on_error(middleware.error_to_user("sorry"))
    tries: list[str] = []

    @bot.on(Text, ~(F.content.text == "Hello"))
    async def fail(message: Message[Text]) -> None:
        tries.append(message.content.text)
        if len(tries) == 1:
            raise ValueError
        if message.content.text == "hang":
            await asyncio.Event().wait()
        await message.reply("done")

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "once")
        await world.until(lambda: world.texts(alice, bot) == ["done"])
        await world.say(alice, bot, "hang")
        await world.until(lambda: world.texts(alice, bot) == ["done", "sorry"])
    assert tries == ["once", "once", *["hang"] * 3]


# Middleware


async def test_middleware_around_a_conversation(world: World) -> None:
    bot = await world.bot(max_tries=2)
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{getattr(record, 'user_id', '')} {record.getMessage()}")

    handler = Lines(logging.INFO)
    handler.addFilter(LogContext())

    @bot.outer
    async def count(message: Message[Any], call_next: NextWith[Visits]) -> None:
        visits.count += 1
        await call_next(message, visits)

    @bot.inner
    async def sign(message: Message[Any], call_next: Next) -> None:
        await call_next(message)
        await message.reply("signed")

    bot.outer(middleware.log_messages())
    bot.outer(middleware.throttle(3, 3600, "slow down"))

    failures: list[str] = []

    @bot.on(Text)
    async def answer(message: Message[Text], visits: Visits) -> None:
        await message.reply(message.content.text)
        if message.content.text == "fail" and not failures:
            failures.append("once")
            raise ValueError

    visits = Visits()
    log = logging.getLogger("blazebot.messages")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        async with bot:
            alice = await world.person(bot)
            await world.say(alice, bot, "fail", "three", "four", "five")
            answers = ["Hello", "signed", "fail", "signed", "three", "signed", "slow down"]
            await world.until(lambda: world.texts(alice, bot) == answers)
            await world.until(lambda: set(world.statuses(alice).values()) == {"READ"})
    finally:
        log.removeHandler(handler)
    assert visits.count == 6  # one was tried twice
    assert len([line for line in lines if line.startswith(alice)]) == 6
