"""Each category, both ways, plain and encrypted, between a person and a bot over the real wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from blazebot import (
    AccountTransfer,
    Bot,
    Content,
    ConversationChange,
    InscriptionTransfer,
    Invalid,
    Message,
    Pin,
    Recall,
    SafeTransfer,
    Text,
    Transfer,
    Unknown,
)
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.content import decode_bytes
from tests.contents import EXAMPLES
from tests.wire.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = [kind for kind in EXAMPLES if kind.CATEGORY.startswith("PLAIN_")]


def name(kind: type[Content]) -> str:
    return kind.__name__


@dataclass
class Meeting:
    """A person and a bot who know each other; what the bot took, and what the person has."""

    world: World
    bot: Bot
    person: str
    taken: asyncio.Queue[Message[Content]]

    async def say(self, content: Content, message_id: str, **how: Any) -> None:
        """Let the person send ``content``."""
        message = {
            "person_id": self.person,
            "recipient_id": self.bot.id,
            "message_id": message_id,
            "category": content.category,
            "data_base64": encode_base64(content.encode(message_id)),
            **how,
        }
        await self.world.people.send([message])

    async def take(self, message_id: str) -> Message[Content]:
        """Return what the bot took under this id."""
        async with asyncio.timeout(20):
            while True:
                message = await self.taken.get()
                if message.id == message_id:
                    return message

    async def see(self, message_id: str) -> dict[str, Any]:
        """Return what the person sees under this id."""
        seen = self.world.people.seen[self.person]
        await self.world.until(lambda: message_id in seen)
        return seen[message_id]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def meeting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    folder = tmp_path_factory.mktemp("categories")
    sandbox = SandboxProcess(folder)
    await sandbox.start()

    def make(server: str, keystore: Any = None, **settings: Any) -> Bot:
        return Bot(json.dumps(keystore), server=server, data_dir=str(folder), **settings)

    taken: asyncio.Queue[Message[Content]] = asyncio.Queue()
    async with aiohttp.ClientSession() as http, People(http, sandbox.url) as people:
        world = World(sandbox, Control(http, sandbox.url), people, make)
        bot = await world.bot()

        @bot.on(Content)
        async def take(message: Message[Content]) -> None:
            taken.put_nowait(message)

        async with bot:
            yield Meeting(world, bot, await world.person(bot), taken)
    await sandbox.stop()


@pytest.fixture
def message_id() -> str:
    return str(uuid4())


@pytest.mark.parametrize("kind", EXAMPLES, ids=name)
async def test_from_person_to_bot(meeting: Meeting, kind: type[Content], message_id: str) -> None:
    await meeting.say(EXAMPLES[kind], message_id)
    message = await meeting.take(message_id)
    assert message.content == EXAMPLES[kind]
    assert message.user_id == meeting.person
    assert not message.is_encrypted


@pytest.mark.parametrize("kind", EXAMPLES, ids=name)
async def test_from_bot_to_person(meeting: Meeting, kind: type[Content]) -> None:
    message_id = await meeting.bot.send(meeting.person, EXAMPLES[kind])
    seen = await meeting.see(message_id)
    assert seen["category"] == kind.CATEGORY
    assert decode_bytes(kind.CATEGORY, decode_base64(seen["data_base64"])) == EXAMPLES[kind]


@pytest.mark.parametrize("kind", PLAIN, ids=name)
async def test_encrypted_from_person_to_bot(
    meeting: Meeting, kind: type[Content], message_id: str
) -> None:
    await meeting.say(EXAMPLES[kind], message_id, encrypted=True)
    message = await meeting.take(message_id)
    assert message.is_encrypted
    assert message.category == kind.CATEGORY.replace("PLAIN_", "ENCRYPTED_")
    assert message.content == EXAMPLES[kind]


@pytest.mark.parametrize("kind", PLAIN, ids=name)
async def test_encrypted_from_bot_to_person(meeting: Meeting, kind: type[Content]) -> None:
    message_id = await meeting.bot.send(meeting.person, EXAMPLES[kind], encrypt="always")
    seen = await meeting.see(message_id)
    assert seen["encrypted"]
    assert seen["category"] == kind.CATEGORY.replace("PLAIN_", "ENCRYPTED_")
    assert decode_bytes(kind.CATEGORY, decode_base64(seen["data_base64"])) == EXAMPLES[kind]


async def test_a_category_that_nobody_knows_passes_through(
    meeting: Meeting, message_id: str
) -> None:
    content = Unknown("PLAIN_SOMETHING_NEW", b"\x00\xff any bytes")
    await meeting.say(content, message_id)
    assert (await meeting.take(message_id)).content == content
    seen = await meeting.see(await meeting.bot.send(meeting.person, content))
    assert decode_base64(seen["data_base64"]) == content.raw


async def test_recall_from_bot_and_from_person(meeting: Meeting, message_id: str) -> None:
    sent = await meeting.bot.send(meeting.person, "a mistake")
    await meeting.see(sent)
    await meeting.bot.send(meeting.person, Recall(sent))
    seen = meeting.world.people.seen[meeting.person]
    await meeting.world.until(lambda: "mistake" not in json.dumps(seen[sent]))

    await meeting.say(Text("mine"), message_id)
    await meeting.take(message_id)
    recall_id = str(uuid4())
    await meeting.say(Recall(message_id), recall_id)
    assert (await meeting.take(recall_id)).content == Recall(message_id)


async def test_pin_from_bot_and_from_person(meeting: Meeting, message_id: str) -> None:
    sent = await meeting.bot.send(meeting.person, "to be pinned")
    await meeting.bot.send(meeting.person, Pin("PIN", (sent,)))
    seen = meeting.world.people.seen[meeting.person]
    await meeting.world.until(lambda: bool(seen.get(sent, {}).get("pinned")))
    await meeting.bot.send(meeting.person, Pin("UNPIN", (sent,)))
    await meeting.world.until(lambda: not seen[sent]["pinned"])

    await meeting.say(Pin("PIN", (sent,)), message_id)
    assert (await meeting.take(message_id)).content == Pin("PIN", (sent,))


@pytest.mark.parametrize("kind", [AccountTransfer, SafeTransfer, InscriptionTransfer], ids=name)
async def test_a_transfer_to_the_bot(meeting: Meeting, kind: type[Transfer]) -> None:
    sent = await meeting.world.control.call(
        "POST",
        f"/people/{meeting.person}/transfers",
        {
            "bot_id": meeting.bot.id,
            "category": kind.CATEGORY,
            "asset_id": "c6d0c728-2624-429b-8e0d-d9d19b6592fa",
            "amount": "0.00000001",
            "memo": "thanks",
        },
    )
    content = (await meeting.take(sent["message_id"])).content
    assert type(content) is kind
    assert str(content.amount.normalize()) == "1E-8"
    assert content.opponent_id == meeting.person
    assert content.memo == "thanks"
    assert content.created_at is not None


async def test_a_change_of_a_group(meeting: Meeting) -> None:
    group = await meeting.world.control.call(
        "POST",
        "/groups",
        {"creator_id": meeting.person, "name": "g", "participants": [meeting.bot.id]},
    )
    async with asyncio.timeout(20):
        while True:
            message = await meeting.taken.get()
            if isinstance(message.content, ConversationChange):
                break
    assert message.conversation_id == group["conversation_id"]
    assert message.content.action in {"CREATE", "ADD"}


async def test_what_the_service_says_a_bot_cannot(meeting: Meeting) -> None:
    change = ConversationChange(action="JOIN", participant_id=meeting.person)
    for content in (change, Invalid("PLAIN_TEXT", b"", "why")):
        with pytest.raises(Exception, match="a bot cannot send"):
            await meeting.bot.send(meeting.person, content)
