"""Quotes, options, conversations created where needed, batches, encryption by mode."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from uuid import uuid4

import pytest

from blazebot import (
    Button,
    ButtonGroup,
    Content,
    ContentError,
    EncryptionError,
    Invalid,
    Message,
    Post,
    SendTimeout,
    ServiceError,
    Text,
)
from blazebot.bot.outgoing import Conversation
from blazebot.errors import BadField, Forbidden
from blazebot.wire.base64 import decode_base64
from blazebot.wire.ids import contact_conversation_id
from tests.wire.scripted_service import Line, message, scripted
from tests.wire.world import MakeBot, World, echoing

pytestmark = pytest.mark.sandbox("shared")


def of(world: World, person: str, sender: str) -> list[dict[str, Any]]:
    """Return what a person has from ``sender``, in order."""
    return [one for one in world.messages(person) if one["user_id"] == sender]


async def test_a_quote_and_the_other_options_reach_the_person(world: World) -> None:
    bot = await world.bot()
    carol = str(uuid4())

    @bot.on(Text)
    async def answer(message: Message[Text]) -> None:
        await message.quote("quoted")
        await message.reply("all", silent=True, expire_in=60, mentions=[message.user_id])
        await message.reply("for another", representative_id=carol)

    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: len(of(world, alice, bot.id)) == 3)
    quoted, full, represented = of(world, alice, bot.id)
    (hello,) = of(world, alice, alice)
    assert quoted["quote_message_id"] == hello["message_id"]
    assert (full["silent"], full["expire_in"]) == (True, 60)
    assert represented["representative_id"] == carol


async def test_bad_options_are_refused_before_anything_leaves(make_bot: MakeBot) -> None:
    async def script(line: Line) -> None:
        pass

    async with scripted(script) as service, make_bot(service.url) as bot:
        user = str(uuid4())
        for options, words in (
            ({"quote": "x"}, "quote"),
            ({"representative_id": "x"}, "representative_id"),
            ({"expire_in": -1}, "expire_in"),
            ({"expire_in": "5"}, "expire_in"),
            ({"expire_in": 10**30}, "expire_in"),
            ({"silent": "no"}, "silent"),
            ({"mentions": "abc"}, "mentions"),
            ({"encrypt": "sometimes"}, "encrypt"),
            ({"qoute": user}, "there is no option 'qoute'"),
        ):
            with pytest.raises(ContentError, match=words):
                await bot.send(user, "hi", **options)
        with pytest.raises(ContentError, match="UUID"):
            await bot.send("nobody", "hi")
        for content in (None, b"bytes", Text(5), Button("l", "#000000", "input:x")):  # type: ignore[arg-type]
            with pytest.raises(ContentError, match=r"type|content|category"):
                await bot.send(user, content)  # type: ignore[arg-type]
        with pytest.raises(ContentError, match="131072 are allowed"):
            await bot.send(user, "x" * 100_000)
        buttons = ButtonGroup((Button("l", "#000000", "input:x"),))
        with pytest.raises(ContentError, match=r"messages\[1\]: APP_BUTTON_GROUP"):
            await bot.send_batch([(user, "hi"), (user, buttons)])
        with pytest.raises(ContentError, match="a batch is plain"):
            await bot.send_batch([(user, "hi")], encrypt="always")
        assert not service.lines[0].all("CREATE_MESSAGE")
        assert not service.lines[0].all("CREATE_PLAIN_MESSAGES")


async def test_a_conversation_is_created_once_and_remembered(
    make_bot: MakeBot,
) -> None:
    async def script(line: Line) -> None:
        pass

    user = str(uuid4())
    async with scripted(script) as service:
        for _ in range(2):  # and a second life of the bot knows it still
            async with make_bot(service.url) as bot:
                await asyncio.gather(bot.send(user, "one"), bot.send(user, "two"))
                await bot.send(user, "three")
        created = [body for path, body in service.calls if path == "/conversations"]
        assert len(created) == 1
        assert created[0]["participants"] == [{"user_id": user}]


async def test_where_the_bot_was_written_to_nothing_is_created(make_bot: MakeBot) -> None:
    took = asyncio.Event()
    user = str(uuid4())

    async def script(line: Line) -> None:
        conversation_id = contact_conversation_id(bot.id, user)
        await line.push(message("hi", user_id=user, conversation_id=conversation_id))

    async with scripted(script) as service:
        bot = make_bot(service.url)

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            took.set()

        async with bot, asyncio.timeout(20):
            await took.wait()
            await bot.send(user, "one")
        assert "/conversations" not in dict(service.calls)


async def test_after_oauth_the_bot_greets_first(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person()
        await bot.send(alice, "welcome")
        await world.until(lambda: world.texts(alice, bot) == ["welcome"])


# Batches


async def test_a_batch_reaches_everybody_and_a_refused_message_stands_alone(world: World) -> None:
    async with await world.bot() as bot:
        people = [await world.person(bot) for _ in range(3)]
        messages: list[tuple[str, Content | str]] = [
            (person, f"text {number}") for number in range(50) for person in people
        ]
        # A group that the bot is not in cannot be named here; a user that nobody has created can.
        messages[70] = (str(uuid4()), "to nobody")
        results = await bot.send_batch(messages)
        expected = {person: [what for to, what in messages if to == person] for person in people}
        for person in people:
            await world.until(lambda p=person: world.texts(p, bot) == expected[p])  # type: ignore[misc]
    refused = [number for number, result in enumerate(results) if result.error]
    assert refused == [70]
    assert [result.user_id for result in results] == [to for to, _ in messages]


async def test_a_batch_that_runs_again_with_others_in_it_reaches_each_once(world: World) -> None:
    bot = await world.bot()
    people: list[str] = []
    runs = 0

    @bot.command("news")
    async def tell(message: Message[Text]) -> None:
        nonlocal runs
        runs += 1
        readers = people[:1] if runs == 1 else people[::-1]  # somebody has joined at the front
        await bot.send_batch([(reader, f"run {runs}") for reader in readers], key="news")
        if runs == 1:
            raise RuntimeError("after it was sent")

    async with bot:
        people += [await world.person(bot) for _ in range(2)]
        await world.say(people[0], bot, "/news")
        await world.until(lambda: "READ" in world.statuses(people[0]).get("/news", ""))
        assert world.texts(people[1], bot) == ["run 2"]
    assert world.texts(people[0], bot) == ["run 1"]


async def test_messages_of_a_batch_with_one_key_are_all_sent(world: World) -> None:
    bot = await world.bot()

    @bot.on(Text)
    async def answer(message: Message[Text]) -> None:
        results = await bot.send_batch(
            [(message.user_id, "one"), (message.user_id, "two")], key="words that vary"
        )
        assert not [one.error for one in results if one.error]

    async with bot:
        alice = await world.person(bot)
        await world.until(lambda: world.texts(alice, bot) == ["one", "two"])


async def test_a_bot_that_always_encrypts_sends_no_plain_batch(make_bot: MakeBot) -> None:
    async def script(line: Line) -> None:
        pass

    async with scripted(script) as service, make_bot(service.url, encrypt="always") as bot:
        with pytest.raises(ContentError, match="a batch is plain"):
            await bot.send_batch([(str(uuid4()), "hi")])


async def test_a_stuck_conversation_holds_up_only_itself(make_bot: MakeBot) -> None:
    stuck, other = str(uuid4()), str(uuid4())
    held: list[dict[str, Any]] = []

    async def script(line: Line) -> None:
        line.answers = False
        for number in itertools.count():
            asked = await line.numbered(number)
            data = (asked.get("params") or {}).get("data_base64")
            if data and decode_base64(data) == b"stuck":
                held.append(asked)
            else:
                await line.send({"id": asked["id"], "action": asked["action"]})

    async with scripted(script) as service:
        bot = make_bot(service.url)
        async with bot, asyncio.timeout(20):
            hanging = asyncio.create_task(bot.send(stuck, "stuck"))
            await service.lines[0].request("CREATE_MESSAGE")
            batch = asyncio.create_task(bot.send_batch([(stuck, "after"), (other, "batch")]))
            await service.lines[0].request("CREATE_PLAIN_MESSAGES")
            await bot.send(other, "free")
            assert not hanging.done()
            assert not batch.done()
            for asked in held:
                await service.lines[0].send({"id": asked["id"], "action": asked["action"]})
            await hanging
            assert [one.error for one in await batch] == [None, None]
    sent = service.lines[0].all("CREATE_MESSAGE")
    assert [decode_base64(one["params"]["data_base64"]) for one in sent] == [b"stuck", b"free"]
    batches = service.lines[0].all("CREATE_PLAIN_MESSAGES")
    assert [
        [decode_base64(one["data_base64"]) for one in batch["params"]["messages"]]
        for batch in batches
    ] == [[b"batch"], [b"after"]]


async def test_a_batch_that_is_refused_goes_in_pieces_with_the_same_ids(make_bot: MakeBot) -> None:
    bad = "the bad one"
    frames: list[list[dict[str, Any]]] = []

    async def script(line: Line) -> None:
        line.answers = False
        count = 0
        while True:
            count += 1
            asked = await line.request("CREATE_PLAIN_MESSAGES", count)
            messages = asked["params"]["messages"]
            frames.append(messages)
            answer: dict[str, Any] = {"id": asked["id"], "action": asked["action"]}
            if any(one["category"] == "PLAIN_POST" for one in messages):
                answer["error"] = {"status": 202, "code": 10002, "description": "bad"}
            await line.send(answer)

    async with scripted(script) as service, make_bot(service.url) as bot:
        users = [str(uuid4()) for _ in range(8)]
        batch: list[tuple[str, Content | str]] = [(user, "good") for user in users]
        batch[5] = (users[5], Post(bad))
        results = await bot.send_batch(batch)
    assert [type(one.error) for one in results] == [
        BadField if number == 5 else type(None) for number in range(8)
    ]
    assert [len(one) for one in frames] == [8, *[1] * 8]
    ids = [one["message_id"] for one in frames[0]]
    assert {one["message_id"] for frame in frames for one in frame} == set(ids)


# Encryption


async def test_an_encrypted_message_is_answered_encrypted_and_a_plain_one_plainly(
    world: World,
) -> None:
    bot = echoing(await world.bot())
    async with bot:
        alice = await world.person(bot)
        await world.people.send(
            [
                {
                    "person_id": alice,
                    "recipient_id": bot.id,
                    "text": text,
                    "encrypted": text == "secret",
                }
                for text in ("secret", "plain")
            ]
        )
        await world.until_texts(alice, bot, ["secret", "plain"])
    answers = of(world, alice, bot.id)
    assert [one["category"] for one in answers] == ["PLAIN_TEXT", "ENCRYPTED_TEXT", "PLAIN_TEXT"]


async def test_modes_of_encryption(world: World) -> None:
    async with await world.bot(encrypt="auto") as bot:
        alice = await world.person(bot)
        await bot.send(alice, "auto")
        await bot.send(alice, "never", encrypt="never")
        await world.until(lambda: len(of(world, alice, bot.id)) == 2)
        assert [one["category"] for one in of(world, alice, bot.id)] == [
            "ENCRYPTED_TEXT",
            "PLAIN_TEXT",
        ]
        # Bob's one session cannot read what is encrypted.
        bob = await world.person(bot)
        await world.control.call(
            "POST", f"/people/{bob}/sessions", {"public_key": False, "keep": False}
        )
        await bot.send(bob, "auto")
        await world.until(lambda: len(of(world, bob, bot.id)) == 1)
        assert of(world, bob, bot.id)[0]["category"] == "PLAIN_TEXT"
        with pytest.raises(EncryptionError, match="send it plain"):
            await bot.send(bob, "always", encrypt="always")


async def test_an_encrypted_talk_in_a_group(world: World) -> None:
    bot = echoing(await world.bot())
    async with bot:
        alice, bob = await world.person(), await world.person()
        group = await world.control.call(
            "POST",
            "/groups",
            {"creator_id": alice, "name": "g", "participants": [bot.id, bob]},
        )
        where = group["conversation_id"]
        await bot.send(Conversation(where), "for both", encrypt="always")
        await world.people.send(
            [{"person_id": alice, "conversation_id": where, "text": "psst", "encrypted": True}]
        )
        for person in (alice, bob):
            await world.until(lambda p=person: world.texts(p, bot) == ["for both", "psst"])  # type: ignore[misc]
            encrypted = {one["category"] for one in of(world, person, bot.id)}
            assert encrypted == {"ENCRYPTED_TEXT"}


async def test_changed_sessions_are_taken_and_it_is_sent_again(world: World) -> None:
    async with await world.bot(encrypt="always") as bot:
        alice = await world.person(bot)
        await bot.send(alice, "one")
        await world.control.call(
            "POST", f"/people/{alice}/sessions", {"public_key": True, "keep": False}
        )
        await bot.send(alice, "two")
        await world.until(lambda: len(of(world, alice, bot.id)) == 2)
    assert [one["text"] for one in of(world, alice, bot.id)][1] == "two"


async def test_what_cannot_be_decrypted_arrives_as_invalid(make_bot: MakeBot) -> None:
    taken: asyncio.Queue[Message[Content]] = asyncio.Queue()

    async def script(line: Line) -> None:
        await line.push(message(b"\x01\x01\x00 not for you", category="ENCRYPTED_TEXT"))
        await line.push(message("after"))

    async with scripted(script) as service:
        bot = make_bot(service.url)

        @bot.on(Content)
        async def take(message: Message[Content]) -> None:
            taken.put_nowait(message)

        async with bot, asyncio.timeout(20):
            odd, after = await taken.get(), await taken.get()
    assert isinstance(odd.content, Invalid)
    assert odd.is_encrypted
    assert "cannot be decrypted" in odd.content.reason
    assert odd.content.name == "PLAIN_TEXT"
    assert after.content == Text("after")


async def test_a_conversation_that_the_bot_is_not_in_is_forbidden(world: World) -> None:
    async with await world.bot() as bot:
        with pytest.raises(Forbidden) as refused:
            await bot.send(Conversation(str(uuid4())), "hi")
    assert isinstance(refused.value, ServiceError)


async def test_a_deadline_holds_where_rest_hangs(make_bot: MakeBot) -> None:
    async def script(line: Line) -> None:
        pass

    async with scripted(script) as service:
        service.hang = "/sessions/fetch"
        bot = make_bot(service.url, send_timeout=0.4, request_timeout=5.0)
        async with bot, asyncio.timeout(4):
            with pytest.raises(SendTimeout, match="send_timeout"):
                await bot.send(str(uuid4()), "secret", encrypt="always")
