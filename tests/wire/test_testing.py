"""What ``blazebot.testing`` gives to tests of bots, against a real sandbox process."""

from __future__ import annotations

import asyncio
import re
import time
from asyncio import Queue
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from blazebot import (
    Bot,
    Button,
    ButtonGroup,
    Card,
    Content,
    Conversation,
    ConversationChange,
    File,
    Image,
    Invalid,
    Message,
    Pin,
    Recall,
    Receipt,
    Router,
    Text,
    Transfer,
    Unknown,
    file,
)
from blazebot.errors import BlazebotError, NotSeen, SandboxError, ServiceError, Unauthorized
from blazebot.sandbox.faults import Kind
from blazebot.testing import FaultKind, Sandbox, SandboxProcess, running_sandbox


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
async def box(process: SandboxProcess) -> AsyncIterator[Sandbox]:
    async with Sandbox(process.url) as box:
        yield box


def echoing() -> Bot:
    bot = Bot()

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    return bot


# Talking


async def test_a_talk(box: Sandbox) -> None:
    await box.run(echoing(), name="Echo")
    alice = await box.person("Alice")
    sent = await alice.send("hi")
    answer = await alice.next()
    assert answer.text == "hi"
    assert answer.content == Text("hi")
    assert answer.status == "DELIVERED"
    await alice.until_read(sent)
    assert sent.status == "READ"
    assert [one.text for one in alice.history()] == ["hi", "hi"]


async def test_messages_are_returned_once_and_in_order(box: Sandbox) -> None:
    bot = await box.run(Bot())
    alice, bob = await box.person("Alice"), await box.person("Bob")
    for text in ("one", "two"):
        await bot.send(alice.id, text)
    await bot.send(bob.id, "for Bob")
    assert [(await alice.next()).text, (await alice.next()).text] == ["one", "two"]
    assert (await bob.next()).text == "for Bob"
    await alice.nothing()


async def test_two_people_wait_at_once(box: Sandbox) -> None:
    bot = await box.run(Bot())
    alice, bob = await box.person("Alice"), await box.person("Bob")
    waiting = asyncio.gather(alice.next(), bob.next())
    await bot.send(bob.id, "b")
    await bot.send(alice.id, "a")
    assert [one.text for one in await waiting] == ["a", "b"]


async def test_tests_do_not_see_each_other(process: SandboxProcess) -> None:
    bot = echoing()
    ids = set()
    for text in ("first", "second"):
        async with Sandbox(process.url) as box:
            await box.run(bot)
            ids.add(bot.id)
            alice = await box.person("Alice")
            await alice.send(text)
            assert (await alice.next()).text == text
            await alice.nothing()
    assert len(ids) == 2


async def test_the_kind_that_is_asked_for(box: Sandbox) -> None:
    bot = await box.run(Bot())
    alice = await box.person("Alice")
    await bot.send(alice.id, Image(**IMAGE))
    picture = await alice.next(Image)
    assert picture.content.width == 640
    with pytest.raises(SandboxError, match="has no text"):
        assert picture.text

    await bot.send(alice.id, "words")
    with pytest.raises(NotSeen, match=r"Alice expected Image, not 'words'"):
        await alice.next(Image)
    assert (await alice.next(Text)).text == "words"  # it is still there


IMAGE: dict[str, Any] = {
    "attachment_id": "c94ac88f-4671-3976-b60a-09064f1811e8",
    "mime_type": "image/jpeg",
    "width": 640,
    "height": 480,
    "size": 1000,
}


# What a failure shows


async def test_what_does_not_come_is_told_with_all_that_there_is(box: Sandbox) -> None:
    bot = Bot()

    @bot.on(Text)
    async def fail(message: Message[Text]) -> None:
        raise ValueError("out of words")

    await box.run(bot, name="Echo", max_tries=1)
    alice = await box.person("Alice")
    await alice.send("anybody?")
    began = time.monotonic()
    with pytest.raises(NotSeen) as failure:
        await alice.next(within=0.5)
    assert time.monotonic() - began < 3
    words = str(failure.value)
    assert "Alice waited 0.5 s for a message, and none came" in words
    assert "  Alice: 'anybody?'  (DELIVERED)" in words
    assert "ValueError: out of words" in words
    assert "to the bot: CREATE_MESSAGE PLAIN_TEXT 'anybody?'" in words
    assert "from the bot: ACKNOWLEDGE_MESSAGE_RECEIPTS" in words
    assert isinstance(failure.value, AssertionError)  # a failure of the test, not an error in it


async def test_nobody_waits_for_a_bot_that_has_ended(box: Sandbox) -> None:
    bot = await box.run(echoing(), name="Echo")
    alice = await box.person("Alice")
    waiting = asyncio.ensure_future(alice.next(within=60))
    began = time.monotonic()
    async with box.faults.on("unauthorized", times=None):
        with pytest.raises(Unauthorized):
            await bot.wait_closed()
        with pytest.raises(NotSeen, match="the bot Echo serves no more"):
            await waiting
    assert time.monotonic() - began < 10


async def test_nothing_means_that_the_bot_is_done(box: Sandbox) -> None:
    bot = Bot()
    released = asyncio.Event()

    @bot.on(Text)
    async def answer_late(message: Message[Text]) -> None:
        await released.wait()
        if message.content.text != "silence":
            await message.reply("late")

    await box.run(bot)
    alice = await box.person("Alice")
    await alice.send("silence")
    with pytest.raises(NotSeen, match=r"to bots that are not handled after 0\.1 s: 1"):
        await alice.nothing(within=0.1)
    waiting = asyncio.ensure_future(alice.nothing())
    released.set()
    await waiting

    released.clear()
    await alice.send("words")
    waiting = asyncio.ensure_future(alice.nothing())
    asyncio.get_running_loop().call_later(0.2, released.set)
    with pytest.raises(NotSeen, match="Alice expected nothing more"):
        await waiting


async def test_the_names_in_a_transcript(box: Sandbox) -> None:
    bot = await box.run(echoing(), name="Echo")
    alice, bob = await box.person("Alice"), await box.person("Bob")
    group = await alice.create_group("Team", bob, bot)
    message = await alice.send("all of you", to=group)
    await alice.next()
    await alice.recall(message)
    await box.settle()
    transcript = box.transcript()
    assert "  the service in Team: ConversationChange(action='CREATE'" in transcript
    assert "  Echo in Team: 'all of you'  (DELIVERED)" in transcript
    assert "  Echo in Team: 'all of you'  (DELIVERED, not taken yet)" in transcript  # by Bob
    assert re.search(r"  Alice in Team: ''  \(\w+, recalled\)", transcript)


# What people do


async def test_buttons(box: Sandbox) -> None:
    bot = echoing()
    yes = Button("Yes", "#00AA00", "input:/vote yes")
    await box.run(bot)
    alice = await box.person("Alice")
    site = Button("Site", "#0000AA", "https://example.org")
    await bot.send(alice.id, ButtonGroup((yes, site)))
    shown = await alice.next(ButtonGroup)
    assert [one.label for one in shown.buttons] == ["Yes", "Site"]
    assert (await alice.press("Yes")).text == "/vote yes"
    assert (await alice.next()).text == "/vote yes"
    for button in (yes, shown.buttons[0]):
        await alice.press(button)
        assert (await alice.next()).text == "/vote yes"
    with pytest.raises(SandboxError, match=r"opens https://example\.org, of which no bot hears"):
        await alice.press("Site")
    with pytest.raises(NotSeen, match="Alice sees no button 'No'"):
        await alice.press("No")

    card = Card(
        app_id=bot.id,
        cover_url="https://example.org/cover.png",
        title="Vote",
        description="Again",
        actions=(Button("Yes", "#00AA00", "input:/again"),),
    )
    await bot.send(alice.id, card)
    await alice.next(Card)
    await alice.press("Yes")  # of the newest that has it
    assert (await alice.next()).text == "/again"


async def test_quotes_recalls_and_pins(box: Sandbox) -> None:
    bot = Bot()
    heard: Queue[Message[Content]] = Queue()

    @bot.on(Content)
    async def hear(message: Message[Content]) -> None:
        heard.put_nowait(message)

    await box.run(bot)
    alice = await box.person("Alice")
    sent_id = await bot.send(alice.id, "a question")
    question = await alice.next()
    assert question.id == sent_id

    answer = await alice.send("an answer", quote=question, silent=True, expire_in=60)
    message = await heard.get()
    assert message.quote_message_id == question.id
    assert answer.quote_message_id == question.id
    assert answer.is_silent
    assert answer.expire_in == 60

    await alice.recall(answer)
    assert isinstance((await heard.get()).content, Recall)
    assert answer.is_recalled
    with pytest.raises(SandboxError, match="has no text"):
        assert answer.text
    await alice.pin(question)
    assert isinstance((await heard.get()).content, Pin)
    assert question.is_pinned
    await alice.unpin(question)
    await heard.get()
    assert "pinned" not in question.notes
    with pytest.raises(SandboxError, match="only who sent a message"):
        await alice.recall(question)

    await message.reply("taken back")
    taken_back = await alice.next()
    await message.recall(taken_back.id)
    assert (await alice.next(Recall)).content.message_id == taken_back.id
    assert taken_back.is_recalled


async def test_who_reads_is_told_to_the_bot(box: Sandbox) -> None:
    bot = Bot()
    receipts: Queue[Receipt] = Queue()

    @bot.on_receipt
    async def note(receipt: Receipt) -> None:
        receipts.put_nowait(receipt)

    await box.run(bot)
    alice = await box.person("Alice")
    await bot.send(alice.id, "for your eyes")
    message = await alice.next()
    assert (await receipts.get()).status == "DELIVERED"
    await alice.read()
    receipt = await receipts.get()
    assert (receipt.status, receipt.message_id) == ("READ", message.id)


async def test_payments(box: Sandbox) -> None:
    bot = Bot()

    @bot.on_transfer
    async def thank(message: Message[Transfer]) -> None:
        await message.reply(f"{message.content.amount} for {message.content.memo}, thank you")

    await box.run(bot)
    alice = await box.person("Alice")
    paid = await alice.pay("2.5", memo="tea")
    assert (await alice.next()).text == "2.5 for tea, thank you"
    assert paid.content.memo == "tea"
    with pytest.raises(SandboxError, match="amount"):
        await alice.pay(-1)


async def test_friends_and_blocked_bots(box: Sandbox) -> None:
    bot = Bot()

    @bot.on_friend_added
    async def welcome(message: Message[Text]) -> None:
        await message.reply("Welcome")

    await box.run(bot)
    alice = await box.person("Alice")
    await alice.nothing()  # nobody is a friend unasked
    await alice.add()
    assert (await alice.next()).text == "Welcome"
    await alice.block(bot)
    with pytest.raises(ServiceError):
        await bot.send(alice.id, "are you there?")
    await alice.unblock(bot)
    await bot.send(alice.id, "and now?")
    assert (await alice.next()).text == "and now?"
    await alice.remove(bot)


async def test_groups(box: Sandbox) -> None:
    bot = echoing()
    changes: Queue[ConversationChange] = Queue()

    @bot.on_conversation_change
    async def note(message: Message[ConversationChange]) -> None:
        changes.put_nowait(message.content)

    await box.run(bot)
    alice, bob, carol = [await box.person(name) for name in ("Alice", "Bob", "Carol")]
    group = await alice.create_group("Team", bob, bot)
    assert (await changes.get()).action == "CREATE"
    await bob.send("hello, team", to=group, mentions=[alice])
    hello = await alice.next()
    assert (hello.text, hello.user_id, hello.mentions) == ("hello, team", bob.id, (alice.id,))
    assert (await alice.next()).user_id == bot.id
    await bob.next()

    await carol.join(group)
    assert (await changes.get()).action == "JOIN"
    await bot.send(Conversation(group.id), "hello, Carol")
    assert (await carol.next()).text == "hello, Carol"
    assert [one.text for one in carol.history(group) if one.user_id == bot.id] == ["hello, Carol"]
    await carol.leave(group)
    assert (await changes.get()).action == "EXIT"
    await alice.set_role(group, bob, "ADMIN")
    assert (await changes.get()).action == "ROLE"
    await bob.add_members(group, carol)
    await bob.remove_members(group, carol)
    assert [(await changes.get()).action for _ in range(2)] == ["ADD", "REMOVE"]
    with pytest.raises(SandboxError, match="403"):
        await carol.send("let me in", to=group)
    await alice.send("only for the bot")
    assert (await alice.next()).text == "hello, Carol"
    assert (await alice.next()).text == "only for the bot"
    assert len(alice.history(bot)) == 2


@pytest.mark.parametrize("encrypted", [False, True])
async def test_attachments(box: Sandbox, tmp_path: Path, encrypted: bool) -> None:
    bot = Bot()

    @bot.on(File)
    async def shout(message: Message[File]) -> None:
        path = tmp_path / "received"
        await bot.download(message.content, path)
        await message.reply(file(path.read_bytes().upper(), name="loud.txt"))

    await box.run(bot)
    alice = await box.person("Alice")
    sent = await alice.send(file(b"quiet words", name="quiet.txt"), encrypted=encrypted)
    assert sent.is_encrypted is encrypted
    answer = await alice.next(File)
    assert answer.content.name == "loud.txt"
    assert answer.is_encrypted is encrypted
    assert await alice.download(answer) == b"QUIET WORDS"
    await alice.send("no file")
    with pytest.raises(SandboxError, match="no attachment"):
        await alice.download(alice.history()[-1])


async def test_what_is_encrypted_and_what_is_malformed(box: Sandbox) -> None:
    bot = echoing()

    @bot.on(Invalid)
    async def complain(message: Message[Invalid]) -> None:
        await message.reply(f"{message.content.category} cannot be read")

    await box.run(bot)
    alice = await box.person("Alice")
    sent = await alice.send("a secret", encrypted=True)
    answer = await alice.next()
    assert sent.is_encrypted
    assert answer.is_encrypted
    assert answer.text == "a secret"
    await alice.send(Unknown("PLAIN_IMAGE", b"no picture"), unchecked=True)
    assert (await alice.next()).text == "PLAIN_IMAGE cannot be read"


# The bot


async def test_what_can_be_run(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await box.person("Alice")
    (tmp_path / "bots_of_mine.py").write_text(
        "from blazebot import Bot, Router\n"
        "bot, router, number = Bot('keystore.json'), Router(), 1\n"
    )
    monkeypatch.chdir(tmp_path)
    first, second = Router("first"), Router("second")

    @second.on(Text)
    async def answer(message: Message[Text]) -> None:
        await message.reply("from the second")

    bot = await box.run(first, second)
    await alice.send("hi", to=bot)
    assert (await alice.next()).text == "from the second"
    assert (await box.run(echoing, name="Made")).id
    assert (await box.run(lambda: first)).id
    assert (await box.run("bots_of_mine:bot")).id
    assert (await box.run("bots_of_mine:router")).id

    for wrong in (
        "bots_of_mine",
        "bots_of_mine:nobody",
        "bots_of_mine:number",
        lambda: "no bot",
    ):
        with pytest.raises(SandboxError):
            await box.run(wrong)  # type: ignore[arg-type]
    with pytest.raises(ModuleNotFoundError):
        await box.run("bots_of_others:bot")
    with pytest.raises(BlazebotError, match="the bot runs"):
        await box.run(bot)


async def test_a_bot_in_a_test_is_never_itself(box: Sandbox, process: SandboxProcess) -> None:
    own = {
        "app_id": "82d20bc7-9a97-4a69-bcd0-4da502374f6c",
        "session_id": "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8",
        "server_public_key": "00" * 32,
        "session_private_key": "11" * 32,
    }
    bot = Bot(own, server="http://127.0.0.1:9", max_tries=3, stop_grace=7)
    await box.run(bot, max_tries=2)
    assert bot.id != own["app_id"]
    assert bot.settings.server == process.url
    assert bot.settings.max_tries == 2
    with pytest.raises(SandboxError, match="server"):
        await box.run(Bot(), server="http://127.0.0.1:9")


async def test_one_of_several_bots_has_to_be_named(box: Sandbox) -> None:
    alice = await box.person("Alice")
    with pytest.raises(SandboxError, match="the test runs no bot yet"):
        await alice.send("hi")
    one, two = await box.run(echoing(), name="One"), await box.run(echoing(), name="Two")
    with pytest.raises(SandboxError, match="several bots"):
        await alice.send("hi")
    for bot in (two, one):
        await alice.send("hi", to=bot)
        assert (await alice.next()).user_id == bot.id


async def test_a_bot_is_stopped_and_started_again(box: Sandbox) -> None:
    bot = await box.run(echoing())
    alice = await box.person("Alice")
    await bot.stop()
    await alice.send("meanwhile")
    await alice.nothing()  # of a bot that does not run nothing is to come
    async with bot:
        assert (await alice.next()).text == "meanwhile"
        await alice.send("now")
        with pytest.raises(NotSeen):
            await alice.nothing()


# Time and faults


async def test_time_is_moved_for_messages_and_for_jobs(process: SandboxProcess) -> None:
    bot = Bot()

    @bot.job(every=timedelta(hours=1))
    async def remind() -> None:
        await bot.send(alice.id, "an hour is over")

    async with Sandbox(process.url) as box:
        alice = await box.person("Alice")
        await box.run(bot)
        await alice.nothing()
        before = box.clock.now()
        await box.clock.advance(timedelta(hours=1))
        reminder = await alice.next()
        assert reminder.text == "an hour is over"
        assert reminder.created_at - before >= timedelta(hours=1)
        with pytest.raises(SandboxError, match="time does not go back"):
            await box.clock.advance(timedelta(seconds=-1))
    assert bot.clock.now() == pytest.approx(time.time(), abs=60)
    async with Sandbox(process.url) as box:
        clocks = await box.control.call("GET", "/clocks")
        assert clocks["retention_offset"] == 0


async def test_what_waits_longer_than_a_week_is_dropped(box: Sandbox) -> None:
    bot = await box.run(echoing())
    alice = await box.person("Alice")
    await bot.stop()
    await alice.send("too early")
    await box.clock.advance(timedelta(days=7, seconds=1))
    await alice.send("in time")
    async with bot:
        assert (await alice.next()).text == "in time"
    await alice.nothing()


async def test_a_fault_lasts_as_long_as_its_block(box: Sandbox) -> None:
    await box.run(echoing(), request_timeout=0.3)
    alice = await box.person("Alice")
    async with box.faults.on("lost_answer", only="CREATE_MESSAGE", times=2) as fault:
        await alice.send("hi")
        assert (await alice.next()).text == "hi"
        await alice.nothing()  # though it was sent three times
        assert await fault.struck() == 2
    assert await box.control.faults() == []


async def test_a_fault_that_never_strikes_shows_nothing(box: Sandbox) -> None:
    await box.run(echoing())
    with pytest.raises(NotSeen, match="the fault bad_gateway has never struck"):
        async with box.faults.on("bad_gateway"):
            pass
    async with box.faults.on("bad_gateway", probability=0.01):
        pass
    with pytest.raises(ZeroDivisionError):
        async with box.faults.on("bad_gateway"):
            raise ZeroDivisionError
    assert await box.control.faults() == []


async def test_a_fault_for_one_of_two_bots(box: Sandbox) -> None:
    one, two = await box.run(echoing(), name="One"), await box.run(echoing(), name="Two")
    alice = await box.person("Alice")
    async with box.faults.on("duplicate", bot=one, times=None) as fault:
        await alice.send("hi", to=two)
        assert (await alice.next()).user_id == two.id
        assert await fault.struck() == 0
        await alice.send("hi", to=one)
        assert (await alice.next()).user_id == one.id
        await alice.nothing()
        assert await fault.struck() == 1


async def test_the_sandbox_restarts_in_a_test(box: Sandbox) -> None:
    bot = await box.run(echoing())
    alice = await box.person("Alice")
    async with box.faults.on("restart", seconds=0.2):
        await alice.send("before")
    assert (await alice.next(within=20)).text == "before"
    async with asyncio.timeout(20):
        while True:  # the tests after this one need it to be over
            status = bot.status()
            if status.state == "open" and status.counts is not None and status.counts.reconnects:
                break
            await asyncio.sleep(0.02)


def test_every_fault_of_the_sandbox_has_its_name() -> None:
    assert get_args(FaultKind) == get_args(Kind)


# The process


async def test_where_there_is_no_sandbox() -> None:
    with pytest.raises(SandboxError, match="cannot be reached"):
        async with Sandbox("http://127.0.0.1:9"):
            pass


def test_another_event_loop_is_told(process: SandboxProcess) -> None:
    with asyncio.Runner() as one, asyncio.Runner() as other:
        box = Sandbox(process.url)
        one.run(box.open())
        alice = one.run(box.person("Alice"))
        with pytest.raises(SandboxError, match="another event loop"):
            other.run(alice.next())
        one.run(box.close())


def test_settings_of_a_sandbox(tmp_path: Path) -> None:
    async def quota(url: str) -> int:
        async with Sandbox(url) as box:
            bot = await box.run(Bot())
            return int((await box.control.bot(bot.id))["quota"])

    with running_sandbox(tmp_path, settings={"quota": 7}) as process:
        assert asyncio.run(quota(process.url)) == 7
    assert not process.is_running
    with (
        pytest.raises(SandboxError, match=r"the sandbox ended at its start[^$]*QUOTA"),
        running_sandbox(tmp_path, settings={"quota": "many"}),
    ):
        pass
