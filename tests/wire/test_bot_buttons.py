"""Buttons that call back, through the real sandbox: the person sends what stands behind them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blazebot import Bot, Button, ButtonGroup, Callback, Card, F, Message, RefusedCallback, Text
from blazebot.errors import SettingsError
from blazebot.testing.seen import SeenMessage
from blazebot.wire import content as wire
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")


class Vote(Callback, tag="vote"):
    choice: str


class Buy(Callback, tag="buy"):
    article: int


ASK = ButtonGroup(
    (
        Button("Yes", callback=Vote("yes")),
        Button("不", "#D64545", callback=Vote("no")),
        Button("More", action="https://example.org"),
    )
)


def voting(bot: Bot) -> Bot:
    """Let a bot ask for votes, and count them."""

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], vote: Vote) -> None:
        await message.reply(f"voted {vote.choice}")

    @bot.on_refused_callback
    async def refused(message: Message[Text], refused: RefusedCallback) -> None:
        await message.reply(f"refused: {refused.reason}")

    @bot.on(Text, F.content.text == "ask")
    async def ask(message: Message[Text]) -> None:
        await message.reply(ASK)

    @bot.on(Text)
    async def other(message: Message[Text]) -> None:
        await message.reply(f"you said {message.content.text}")

    return bot


async def buttons(world: World, person: str, bot: Bot, count: int = 1) -> tuple[wire.Button, ...]:
    """Return the buttons of the ``count``-th message with buttons that a person has from a bot."""
    snapshots = world.people.seen[person]

    def with_buttons() -> list[SeenMessage[Any]]:
        sent = [one for one in world.messages(person) if one["user_id"] == bot.id]
        seen = [SeenMessage[Any](snapshots, one["message_id"]) for one in sent]
        return [one for one in seen if one.buttons]

    await world.until(lambda: len(with_buttons()) >= count)
    return with_buttons()[count - 1].buttons


async def press(world: World, person: str, button: wire.Button, **where: Any) -> None:
    """Do what a person's client does: send what stands behind ``input:`` [D][C]."""
    scheme, _, text = button.action.partition(":")
    assert scheme == "input"
    await world.people.send([{"person_id": person, "text": text, **where}])


def answers(world: World, person: str, bot: Bot) -> list[str]:
    """The texts of a bot that a person has, without its greeting."""
    return [text for text in world.texts(person, bot) if text and not text.startswith("you said H")]


def key_of(bot: Bot) -> Path:
    return Path(bot.settings.data_dir or "") / bot.id / "button-key"


def damage(path: Path) -> None:
    assert len(path.read_bytes()) == 32
    path.write_bytes(b"damaged")


async def test_a_press_comes_to_its_handler_as_often_as_it_is_pressed(world: World) -> None:
    bot = voting(await world.bot())
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "ask")
        yes, no, more = await buttons(world, alice, bot)
        assert (yes.label, no.label, no.color) == ("Yes", "不", "#D64545")
        assert more == wire.Button("More", yes.color, "https://example.org")
        for one in (yes, no, yes):
            await press(world, alice, one, recipient_id=bot.id)
        await world.until(
            lambda: answers(world, alice, bot) == ["voted yes", "voted no", "voted yes"]
        )


async def test_what_is_forged_or_from_elsewhere_comes_to_no_handler_of_it(world: World) -> None:
    bot = voting(await world.bot())
    async with bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await world.say(alice, bot, "ask")
        yes, no, _ = await buttons(world, alice, bot)
        await press(world, bob, yes, recipient_id=bot.id)
        await world.until(lambda: answers(world, bob, bot) == ["refused: signature"])
        forged = wire.Button("Yes", yes.color, yes.action[:-9] + "AAAAAAAAA")
        await press(world, alice, forged, recipient_id=bot.id)
        await press(world, alice, no, recipient_id=bot.id)
        await world.until(lambda: answers(world, alice, bot) == ["refused: signature", "voted no"])


async def test_without_a_handler_for_it_a_refused_press_is_a_text(world: World) -> None:
    bot = await world.bot()

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], vote: Vote) -> None:
        raise AssertionError("it was forged")

    @bot.on(Text)
    async def other(message: Message[Text]) -> None:
        await message.reply("a text")

    async with bot:
        alice = await world.person()
        await world.say(alice, bot, "Yes ~" + "A" * 40)
        await world.until(lambda: world.texts(alice, bot) == ["a text"])


async def test_a_button_expires(world: World) -> None:
    bot = await world.bot()

    @bot.on_callback(Buy)
    async def buy(message: Message[Text], buy: Buy) -> None:
        await message.reply(f"bought {buy.article}")

    @bot.on_refused_callback
    async def refused(message: Message[Text], refused: RefusedCallback) -> None:
        await message.reply(refused.reason)

    async with bot:
        alice = await world.person()
        offer = Button("Buy", callback=Buy(7), expires_in=timedelta(minutes=10))
        await bot.send(alice, ButtonGroup((offer,)))
        (button,) = await buttons(world, alice, bot)
        bot.clock.move(590)
        await press(world, alice, button, recipient_id=bot.id)
        await world.until(lambda: answers(world, alice, bot) == ["bought 7"])
        bot.clock.move(610)
        await press(world, alice, button, recipient_id=bot.id)
        await world.until(lambda: answers(world, alice, bot) == ["bought 7", "expired"])


async def test_a_card_in_a_group_calls_back_whoever_presses(world: World) -> None:
    bot = await world.bot()

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], vote: Vote) -> None:
        await message.reply(f"{message.user_id} voted {vote.choice}")

    @bot.on(Text)
    async def ask(message: Message[Text]) -> None:
        actions = (Button("Yes", callback=Vote("yes")),)
        await message.reply(Card(title="Vote", description="Tea?", actions=actions))

    async with bot:
        alice, bob = await world.person(), await world.person()
        group = await world.control.call(
            "POST",
            "/groups",
            {"creator_id": alice, "name": "g", "participants": [bob, bot.id]},
        )
        where = {"conversation_id": group["conversation_id"]}
        await world.people.send([{"person_id": alice, "text": "ask", **where}])
        for person in (alice, bob):
            (yes,) = await buttons(world, person, bot)
            await press(world, person, yes, **where)
        expected = sorted(f"{person} voted yes" for person in (alice, bob))
        await world.until(lambda: sorted(answers(world, alice, bot)) == expected)


async def test_a_handler_that_runs_again_sends_its_buttons_once(world: World) -> None:
    bot = await world.bot()
    runs = 0

    @bot.on_callback(Vote)
    async def voted(message: Message[Text], vote: Vote) -> None:
        await message.reply(f"voted {vote.choice}")

    @bot.on(Text)
    async def ask(message: Message[Text]) -> None:
        nonlocal runs
        runs += 1
        bot.clock.move(runs * 1000)  # so that the expiry differs, and with it what is signed
        offer = Button("Yes", callback=Vote("yes"), expires_in=timedelta(days=1))
        await message.reply(ButtonGroup((offer,)))
        if runs == 1:
            raise RuntimeError("after it was sent")
        await message.reply("asked")

    async with bot:
        alice = await world.person()
        await world.say(alice, bot, "ask")
        await world.until(lambda: "asked" in world.texts(alice, bot))
        assert runs == 2
        from_bot = [one for one in world.messages(alice) if one["user_id"] == bot.id]
        assert [one["category"] for one in from_bot] == ["APP_BUTTON_GROUP", "PLAIN_TEXT"]
        (yes,) = await buttons(world, alice, bot)
        await press(world, alice, yes, recipient_id=bot.id)
        await world.until(lambda: "voted yes" in world.texts(alice, bot))


async def test_buttons_survive_a_restart_and_a_key_that_is_set_goes_between_machines(
    world: World,
) -> None:
    first = voting(await world.bot())
    async with first:
        alice = await world.person()
        await first.send(alice, ASK)
        yes, no, _ = await buttons(world, alice, first)
    again = voting(Bot(first.keystore, server=world.sandbox.url, data_dir=first.settings.data_dir))
    async with again:
        await press(world, alice, yes, recipient_id=first.id)
        await world.until(lambda: answers(world, alice, first) == ["voted yes"])
    key = "the same secret on all machines"
    one, other = (
        voting(
            Bot(
                first.keystore,
                server=world.sandbox.url,
                data_dir=f"{first.settings.data_dir}-{machine}",
                button_key=key,
            )
        )
        for machine in ("one", "other")
    )
    async with one:
        await one.send(alice, ASK)
        yes, *_ = await buttons(world, alice, first, count=2)
    async with other:
        await press(world, alice, yes, recipient_id=first.id)
        await press(world, alice, no, recipient_id=first.id)
        await world.until(
            lambda: answers(world, alice, first) == ["voted yes", "voted yes", "refused: signature"]
        )


async def test_a_key_that_is_damaged_ends_the_start_until_it_is_removed(world: World) -> None:
    bot = voting(await world.bot())
    async with bot:
        await bot.send(await world.person(), ASK)
    damage(key_of(bot))
    with pytest.raises(SettingsError, match="button-key holds no key: remove it"):
        await bot.start()
    key_of(bot).unlink()
    async with bot:
        pass


async def test_a_press_that_waited_for_the_bot_counts_as_of_when_it_was_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await world.bot()

    @bot.on(Text, F.content.text == "offer")
    async def offer(message: Message[Text]) -> None:
        button = Button("Yes", callback=Vote("yes"), expires_in=timedelta(hours=1))
        await message.reply(ButtonGroup((button,)))

    async with voting(bot):
        alice = await world.person(bot)
        await world.say(alice, bot, "offer")
        (button,) = await buttons(world, alice, bot)
        bot.clock.move(7200)
        await press(world, alice, button, recipient_id=bot.id)
        await world.until(lambda: world.texts(alice, bot)[-1] == "refused: expired")
        monkeypatch.setattr(Message, "age", 7200.0)  # the bot was away for so long
        await press(world, alice, button, recipient_id=bot.id)
        await world.until(lambda: world.texts(alice, bot)[-1] == "voted yes")
