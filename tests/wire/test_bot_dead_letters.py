"""``blazebot dead-letters``: beside a bot that runs, and for one that does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blazebot import Bot, Message, Text
from blazebot.delivery import replays
from blazebot.delivery.dead_letters import FILE_NAME, DeadLetters
from blazebot.keys.curve import curve_public_key
from blazebot.keys.encryption import MessageCipher, Recipient
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore, save_keystore
from blazebot.wire.base64 import encode_base64
from blazebot.wire.messages import MessageView
from tests.command_line import Program, afresh, forked
from tests.wire.world import WITHIN, World

pytestmark = pytest.mark.sandbox("shared")

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"


@dataclass(frozen=True)
class Command:
    """``blazebot dead-letters`` with this data directory."""

    folder: Path
    program: Program = forked

    @property
    def afresh(self) -> Command:
        """The same as a user starts it."""
        return replace(self, program=afresh)

    async def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run it, and return what it writes; its error, if it is to fail."""
        ended = await asyncio.to_thread(
            self.program,
            self.folder,
            *("dead-letters", *arguments),
            BLAZEBOT_DATA_DIR=str(self.folder / "data"),
            BLAZEBOT_KEYSTORE="keystore.json",
        )
        assert ended.returncode == status, ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stderr if status else ended.stdout

    async def listed(self, bot_id: str) -> list[dict[str, Any]]:
        """What it lists."""
        listed = json.loads(await self("list", "--json", "--bot", bot_id))
        letters: list[dict[str, Any]] = listed["dead_letters"]
        return letters

    async def until(
        self, bot_id: str, holds: Callable[[list[dict[str, Any]]], bool]
    ) -> list[dict[str, Any]]:
        """List them until it is so, for what becomes of a message is on disk after its handler."""
        async with asyncio.timeout(WITHIN):
            while True:
                letters = await self.listed(bot_id)
                if holds(letters):
                    return letters


def _is_asked(letter: Mapping[str, Any]) -> bool:
    return letter["replay_asked_at"] is not None


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "LOOK_EVERY", 0.02)


class Moody:
    """Lets a bot answer texts, but for those that it cannot bear for now."""

    def __init__(self, bot: Bot) -> None:
        self.unbearable = {"poison", "venom"}
        self.seen: list[str] = []
        bot.on(Text)(self.answer)

    async def answer(self, message: Message[Text]) -> None:
        """Answer, or fail after half of the answer."""
        text = message.content.text
        self.seen.append(text)
        await message.reply(f"about {text}:")
        if text in self.unbearable:
            raise ValueError(f"no antidote to {text}")
        await message.reply(f"fine, {text}")


async def test_a_replay_reaches_the_bot_that_runs(world: World, command: Command) -> None:
    bot = await world.bot(max_tries=1)
    mood = Moody(bot)
    async with bot:
        alice, bob = await world.person(bot), await world.person(bot)
        await world.say(alice, bot, "poison", "venom")
        await world.say(bob, bot, "poison")
        await world.until(lambda: world.statuses(alice).get("venom") == "DELIVERED")
        await world.until(lambda: world.statuses(bob).get("poison") == "DELIVERED")
        letters = await command.afresh.listed(bot.id)
        of_alice = [one["message_id"] for one in letters if one["user_id"] == alice]
        assert len(letters) == 3
        show = ("show", of_alice[0].upper(), "--json", "--bot", bot.id)
        shown = json.loads(await command.afresh(*show))
        assert shown["content"] == {"kind": "Text", "text": "poison"}
        assert shown["error"] == "ValueError: no antidote to poison"
        assert (shown["tries"], shown["replay_asked_at"]) == (1, None)

        mood.unbearable = {"venom"}
        replayed = await command.afresh("replay", *of_alice, "--bot", bot.id)
        assert "2 to be handled again" in replayed
        await world.until(lambda: world.statuses(alice)["poison"] == "READ")
        await world.until(lambda: mood.seen.count("venom") == 2)
        # Half of the answer was sent by the try that failed, and takes effect once.
        about = ["about poison:", "about venom:", "fine, poison"]
        assert world.texts(alice, bot)[2:] == about
        left = await command.until(bot.id, lambda now: not any(_is_asked(one) for one in now))
        assert {one["message_id"] for one in left} == {
            of_alice[1],
            *(one["message_id"] for one in letters if one["user_id"] == bob),
        }

        mood.unbearable = set()
        await command("replay", "--all", "--bot", bot.id)
        await world.until(lambda: world.statuses(bob)["poison"] == "READ")
        await world.until(lambda: world.statuses(alice)["venom"] == "READ")
        await command.until(bot.id, lambda now: not now)


async def test_a_replay_waits_for_the_next_start(world: World, command: Command) -> None:
    bot = await world.bot(max_tries=1)
    mood = Moody(bot)
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "poison")
        await world.until(lambda: world.statuses(alice).get("poison") == "DELIVERED")
    await command("replay", "--all", "--bot", bot.id)
    assert [_is_asked(one) for one in await command.listed(bot.id)] == [True]
    mood.unbearable = set()
    async with bot:
        await world.until(lambda: world.statuses(alice)["poison"] == "READ")
    assert await command.listed(bot.id) == []


async def test_what_is_dropped_is_not_handled_again(world: World, command: Command) -> None:
    bot = await world.bot(max_tries=1)
    mood = Moody(bot)
    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "poison", "venom")
        await world.until(lambda: world.statuses(alice).get("venom") == "DELIVERED")
        poison, venom = [one["message_id"] for one in await command.listed(bot.id)]
        dropped = await command.afresh("drop", poison, "--json", "--bot", bot.id)
        assert json.loads(dropped) == {"dropped": [poison]}
        await command("drop", "--all", "--bot", bot.id)
        assert venom in await command("replay", venom, "--bot", bot.id, status=1)
        assert "no dead letters" in await command("list", "--bot", bot.id)
        await world.say(alice, bot, "hi")
        await world.until(lambda: world.texts(alice, bot)[-1] == "fine, hi")
    assert mood.seen.count("poison") == 1


# Without a bot


def bury(folder: Path, *views: MessageView, app_id: str = APP_ID) -> None:
    directory = folder / "data" / app_id
    directory.mkdir(parents=True)
    letters = DeadLetters(directory / FILE_NAME)
    for view in views:
        letters.add(view, ValueError("bad\nand \x1b[31mred"), 5)
    letters.close()


def view(category: str, data: bytes) -> MessageView:
    return MessageView(
        message_id=SESSION_ID, category=category, user_id="u", data_base64=encode_base64(data)
    )


async def test_an_encrypted_message_is_shown_decrypted(command: Command, tmp_path: Path) -> None:
    issued = issue_keystore("app", APP_ID, SESSION_ID)
    save_keystore(issued.document, tmp_path / "keystore.json")
    keystore = Keystore.load(issued.document)
    sender = MessageCipher(APP_ID, Ed25519PrivateKey.generate())
    assert isinstance(keystore.public_key, Ed25519PublicKey)
    recipient = Recipient(SESSION_ID, curve_public_key(keystore.public_key))
    bury(tmp_path, view("ENCRYPTED_TEXT", sender.encrypt("你好".encode(), [recipient])))
    shown = await command("show", SESSION_ID)
    assert "Text(text='你好')" in shown


async def test_nothing_that_others_wrote_steers_the_terminal(
    command: Command, tmp_path: Path
) -> None:
    bury(tmp_path, view("PLAIN_TEXT", b"\x1b[2Jboo"))
    for output in (
        await command("--bot", APP_ID),
        await command("list", "--bot", APP_ID),
        await command("show", SESSION_ID, "--bot", APP_ID),
    ):
        assert "\x1b" not in output
        assert "ValueError: bad" in output


async def test_keys_of_attachments_are_not_shown(command: Command, tmp_path: Path) -> None:
    data = {"attachment_id": APP_ID, "key": "SECRET", "digest": "SECRET", "size": 7}
    bury(tmp_path, view("PLAIN_DATA", json.dumps(data).encode()))
    for arguments in ((), ("--json",)):
        shown = await command("show", SESSION_ID, "--bot", APP_ID, *arguments)
        assert APP_ID in shown
        assert "SECRET" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", APP_ID), "there is no dead letter"),
        (("replay",), "give either the ids of messages, or --all"),
        (("drop", APP_ID, "--all"), "give either the ids of messages, or --all"),
        (("list", "--bot", SESSION_ID), "the bot has not run with it"),
    ],
)
async def test_mistakes_are_answered_in_one_line(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "data" / APP_ID).mkdir(parents=True)
    if "--bot" not in arguments:
        arguments = (*arguments, "--bot", APP_ID)
    assert words in await command(*arguments, status=1)
    assert not (tmp_path / "data" / APP_ID / FILE_NAME).exists()


async def test_without_a_bot_it_is_that_of_the_keystore(command: Command, tmp_path: Path) -> None:
    assert "there is no such file" in await command("list", status=1)
    save_keystore(issue_keystore("app", APP_ID, SESSION_ID).document, tmp_path / "keystore.json")
    bury(tmp_path, view("PLAIN_TEXT", b"hi"))
    assert SESSION_ID in await command("list")
    (tmp_path / "data" / APP_ID / FILE_NAME).write_bytes(b"no database" * 1000)
    assert "cannot be used" in await command("list", status=1)
