"""The bots of ``examples/``, as people talk with them."""

from __future__ import annotations

import asyncio
import io
import runpy
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from blazebot import Bot, ButtonGroup, Image, Text, file, image
from blazebot.testing import CreatePerson, Person, RunBot, Sandbox
from examples import desk, echo, greyscale, supergroup, survey, tips

EXAMPLES = sorted(Path(echo.__file__).parent.glob("*.py"))


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bots keep what they keep in a directory of the test's."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_is_short_and_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 100
    runs: list[Bot] = []

    def run(bot: Bot) -> None:
        runs.append(bot)

    monkeypatch.setattr(Bot, "run", run)
    module = runpy.run_path(str(path), run_name="__main__")
    assert runs == [module["bot"]]
    runs[0].check()


async def says(person: Person, words: str) -> str:
    """Return what the bot answers to ``words``."""
    await person.send(words)
    return (await person.next()).text


async def test_echo(run_bot: RunBot, alice: Person) -> None:
    await run_bot(echo.bot)
    assert await says(alice, "hello") == "hello"


async def test_survey(run_bot: RunBot, alice: Person, bob: Person) -> None:
    await run_bot(survey.bot)
    assert await says(alice, "hi") == "/start begins the survey."
    assert await says(alice, "/start") == "What is your name?"
    assert await says(bob, "/survey") == "What is your name?"
    assert await says(alice, "Alice") == "What do you drink?"
    buttons = await alice.next(ButtonGroup)
    assert [one.label for one in buttons.buttons] == ["Tea", "Coffee", "Water"]
    assert await says(alice, "Tea") == "Please press a button."
    await alice.press("Coffee")
    assert (await alice.next()).text == "How many cups of coffee a day?"
    await alice.press("Tea")
    assert (await alice.next()).text == "That question is answered. /start begins again."
    assert await says(alice, "many") == "A number, please."
    assert await says(alice, "3") == "Thank you, Alice: 3 x coffee."
    assert await says(alice, "3") == "/start begins the survey."
    assert await says(bob, "/cancel") == "Forgotten. /start begins again."
    assert await says(bob, "Bob") == "/start begins the survey."


async def test_tips(run_bot: RunBot, alice: Person, bob: Person) -> None:
    await run_bot(tips.bot)
    assert await says(alice, "/total") == "Nothing yet."
    await alice.pay("0.1")
    assert (await alice.next()).text == "Thank you for 0.1, Alice! That makes 0.1."
    await bob.pay("5")
    assert (await bob.next()).text == "Thank you for 5, Bob! That makes 5."
    await alice.pay("0.2")
    assert (await alice.next()).text == "Thank you for 0.2, Alice! That makes 0.3."
    assert (await says(alice, "/total")).startswith("0.3 of asset ")


async def test_a_tip_that_is_handled_again_counts_once(
    run_bot: RunBot, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = tips.Tips.totals
    tries = []

    def fail_once(self: tips.Tips, user_id: str) -> dict[str, Decimal]:
        tries.append(user_id)
        if len(tries) == 1:
            raise ConnectionResetError
        return totals(self, user_id)

    monkeypatch.setattr(tips.Tips, "totals", fail_once)
    await run_bot(tips.bot)
    await alice.pay("2")
    assert (await alice.next()).text == "Thank you for 2, Alice! That makes 2."
    assert len(tries) == 2


@pytest.mark.parametrize("size", [100, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a_supergroup(
    run_bot: RunBot,
    alice: Person,
    bob: Person,
    blazebot_sandbox: Sandbox,
    size: int,
) -> None:
    bot = await run_bot(supergroup.bot)
    supergroup.ADMINS.add(bob.id)
    people = blazebot_sandbox.people
    crowd = await people.create([f"Member {number}" for number in range(size - 2)])
    everybody = [alice.id, bob.id, *crowd]
    await people.send(
        [{"person_id": one, "recipient_id": bot.id, "text": "/join"} for one in everybody]
    )
    await blazebot_sandbox.settle(within=30)
    assert (await alice.next()).text == (await bob.next()).text == "Welcome."

    def copies() -> list[dict[str, Any]]:
        """Return what others than Alice see of hers."""
        return [
            message
            for one in everybody
            for message in people.seen[one].values()
            if message["representative_id"] == alice.id
        ]

    written = await alice.send("Hello everybody")
    await blazebot_sandbox.until(lambda: len(copies()) == size - 1, within=20)
    assert {message["user_id"] for message in copies()} == {bot.id}
    assert len({message["conversation_id"] for message in copies()}) == size - 1
    assert (await bob.next()).text == "Hello everybody"
    await alice.nothing()

    await alice.recall(written)
    await blazebot_sandbox.until(
        lambda: sum(one["recalled"] for one in copies()) == size - 1, within=20
    )


async def test_what_is_relayed_again_comes_once(
    run_bot: RunBot, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = supergroup.change
    tries = []

    def fail_once(sql: str, *rows: tuple[object, ...]) -> None:
        if "copies" in sql:
            tries.append(rows)
            if len(tries) == 1:
                raise ConnectionResetError
        change(sql, *rows)

    monkeypatch.setattr(supergroup, "change", fail_once)
    await run_bot(supergroup.bot)
    for one in (alice, bob):
        assert await says(one, "/join") == "Welcome."
    await alice.send("hello")
    assert (await bob.next()).text == "hello"
    await bob.nothing()
    assert len(tries) == 2
    assert tries[0] == tries[1]


async def test_who_blocks_the_supergroup_is_passed_over(
    run_bot: RunBot, alice: Person, bob: Person, person: CreatePerson, blazebot_sandbox: Sandbox
) -> None:
    carol = await person("Carol")
    await run_bot(supergroup.bot)
    for one in (alice, bob, carol):
        assert await says(one, "/join") == "Welcome."
    await carol.block()
    written = await alice.send("hello")
    copy = await bob.next()
    await alice.recall(written)
    await blazebot_sandbox.until(lambda: copy.is_recalled)
    await carol.nothing()


async def test_moderating_a_supergroup(
    run_bot: RunBot,
    alice: Person,
    bob: Person,
    person: CreatePerson,
    blazebot_sandbox: Sandbox,
) -> None:
    carol = await person("Carol")
    await run_bot(supergroup.bot)
    supergroup.ADMINS.add(bob.id)
    assert await says(alice, "hi") == "You are muted, or not in: /join."
    for one in (alice, bob, carol):
        assert await says(one, "/join") == "Welcome."
    await alice.send("Buy my coins")
    copy, other_copy = await bob.next(), await carol.next()
    await bob.nothing()  # so that the bot knows its copies

    async def orders(words: str) -> str:
        await bob.send(words, quote=copy)
        return (await bob.next()).text

    assert await orders("/recall") == "Done."
    await blazebot_sandbox.until(lambda: copy.is_recalled and other_copy.is_recalled)
    assert await orders("/mute") == "Done."
    assert await says(alice, "/leave") == "Goodbye."
    assert await says(alice, "/join") == "Welcome."
    assert await says(alice, "Coins!") == "You are muted, or not in: /join."
    assert await orders("/unmute") == "Done."
    await alice.send("Sorry")
    assert (await carol.next()).text == (await bob.next()).text == "Sorry"
    assert await says(bob, "/mute") == "Quote what somebody has written."
    await alice.send("/mute")
    assert (await bob.next()).text == "/mute"  # from who is no admin it is but words
    assert (await carol.next()).text == "/mute"

    assert await says(carol, "/leave") == "Goodbye."
    await alice.send("Bye, Carol")
    assert (await bob.next()).text == "Bye, Carol"
    await carol.nothing()


def png(color: str) -> bytes:
    written = io.BytesIO()
    Picture.new("RGB", (40, 30), color).save(written, "PNG")
    return written.getvalue()


async def test_greyscale(run_bot: RunBot, alice: Person) -> None:
    await run_bot(greyscale.bot)
    for sent in (
        await alice.send(image(png("red"))),
        await alice.send(file(png("red"), name="red.png")),
        await alice.send(image(png("red")), encrypted=True),
    ):
        answer = await alice.next(Image)
        assert answer.quote_message_id == sent.id
        assert (answer.content.width, answer.content.height) == (40, 30)
        with Picture.open(io.BytesIO(await alice.download(answer))) as picture:
            assert (picture.mode, picture.getpixel((0, 0))) == ("L", 76)


async def test_what_is_no_picture(run_bot: RunBot, alice: Person) -> None:
    await run_bot(greyscale.bot)
    await alice.send(file(b"no picture", name="broken.png"))
    assert (await alice.next()).text == "I cannot read that picture."
    await alice.send(file(b"words", name="words.txt"))
    assert (await alice.next()).text == "Send me a picture of up to 10 MiB."


async def test_two_operators_at_once(
    run_bot: RunBot, alice: Person, person: CreatePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "taking", asyncio.Lock())  # one that belongs to this event loop
    await run_bot(desk.bot)
    operators = [await person(f"Operator {number}") for number in range(8)]
    desk.OPERATORS.clear()
    desk.OPERATORS.update(one.id for one in operators)
    await alice.send("Help")
    for one in operators:
        await one.next(Text)
        await one.next(ButtonGroup)
    await asyncio.gather(*(one.press("Take") for one in operators))
    answers = Counter([(await one.next()).text for one in operators])
    assert sorted(answers.values()) == [1, len(operators) - 1]


async def test_desk(run_bot: RunBot, alice: Person, bob: Person, person: CreatePerson) -> None:
    await run_bot(desk.bot)
    olivia, oscar = await person("Olivia"), await person("Oscar")
    desk.OPERATORS.clear()
    desk.OPERATORS.update((olivia.id, oscar.id))

    async def hears(one: Person, words: str) -> None:
        assert (await one.next()).text == words

    await alice.send("It does not work")
    await hears(alice, "An operator will be with you soon.")
    for operator in (olivia, oscar):
        await hears(operator, "Alice: It does not work")
        await operator.next(ButtonGroup)
    await olivia.press("Take")
    await hears(alice, "You are talking with an operator. /done ends it.")
    await hears(olivia, "You are talking with the customer. /done ends it.")
    await oscar.press("Take")
    await hears(oscar, "Somebody else was faster.")

    await alice.send("Help!")
    await hears(olivia, "Help!")
    await olivia.send("Is it plugged in?")
    await hears(alice, "Is it plugged in?")
    await alice.send(image(png("red")))
    assert await alice.download(await olivia.next(Image)) == png("red")

    await bob.send("Me too")
    await hears(bob, "An operator will be with you soon.")
    await hears(olivia, "Bob: Me too")
    await olivia.next(ButtonGroup)
    await olivia.press("Take")
    await hears(olivia, "End your conversation first: /done")

    await olivia.send("/done")
    await hears(alice, "This conversation has ended.")
    await hears(olivia, "This conversation has ended.")
    await olivia.press("Take")
    await hears(bob, "You are talking with an operator. /done ends it.")
    await hears(olivia, "You are talking with the customer. /done ends it.")
    await bob.send("/done")
    await hears(olivia, "This conversation has ended.")
    await alice.send("Thanks")
    await hears(alice, "An operator will be with you soon.")
