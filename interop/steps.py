"""What a client has to do, step by step, and how it is seen to be done.

What people see decides. Only where a client reads (a profile, a code) it is taken at its word, and
that compared with what the sandbox was told.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import msgspec

from blazebot.wire.base64 import decode_base64
from interop.bot_process import AskFailed, BotProcess
from interop.samples import sample
from interop.stage import Scene, StepFailed

__all__ = ["FURTHER", "LOOP", "Step", "prepare", "send"]

Step = Callable[[Scene, BotProcess], Awaitable[None]]
"""Lets a bot do something; raises StepFailed or AskFailed."""

_BEFORE: Final = tuple(f"said before you came: {number}" for number in range(3))
_AFTER: Final = tuple(f"said to you: {number}" for number in range(3))

_FILE: Final = bytes(range(256)) * 300
"""What is uploaded: every byte there is, and more than one packet of them."""


async def prepare(scene: Scene) -> None:
    """Let people write to a bot that is not there yet."""
    await scene.fill()
    for person in (scene.alice, scene.bob):
        await scene.say(person, *_BEFORE)


async def connect(scene: Scene, _: BotProcess) -> None:
    """It opens its line."""
    await scene.until_bot(lambda bot: bot["connected"], "it is connected")


async def receive(scene: Scene, _: BotProcess) -> None:
    """It gets what was waiting for it, and answers."""
    for person in (scene.alice, scene.bob):
        for text in ("Hello", *_BEFORE):
            await scene.until_text(person, text)


async def reply(scene: Scene, _: BotProcess) -> None:
    """It gets what is written now, and answers each text, on one line exactly once."""
    people = (scene.alice, scene.bob)
    for person in people:
        await scene.say(person, *_AFTER)
    for person in people:
        for text in _AFTER:
            await scene.until_text(person, text)
    await _until_acknowledged(scene)
    if (await scene.stage.control.bot(scene.bot_id))["connections"] > 1:
        return  # on a new line comes again what was not acknowledged on the older one
    for person in people:
        answers = Counter(scene.texts(person))
        _expect(answers == Counter(("Hello", *_BEFORE, *_AFTER)), f"{person} has {answers}")


async def acknowledge(scene: Scene, _: BotProcess) -> None:
    """Those who wrote see that it has read all."""

    def all_read() -> bool:
        sent = [one for who in (scene.alice, scene.bob) for one in scene.messages(who, who)]
        return all(one["status"] == "READ" for one in sent)

    await scene.stage.until(all_read, "two blue ticks behind each text")
    await _until_acknowledged(scene)


def send(category: str) -> Step:
    """Return the step that sends this category."""

    async def step(scene: Scene, bot: BotProcess) -> None:
        content = sample(category, user_id=scene.bob, attachment_id=str(uuid4()))
        await bot.ask("send", to=scene.alice, category=category, content=content)

        def arrived() -> bool:
            return any(
                one["category"] == category and _content(one) == content
                for one in scene.messages(scene.alice)
            )

        await scene.stage.until(arrived, f"{category} {content}")

    return step


async def recall(scene: Scene, bot: BotProcess) -> None:
    """It takes back what it has sent."""
    words = "to be taken back"
    await bot.ask("send", to=scene.alice, category="PLAIN_TEXT", content=words)
    await scene.until_text(scene.alice, words)
    (sent,) = [one for one in scene.messages(scene.alice) if one["text"] == words]
    content = {"message_id": sent["message_id"]}
    await bot.ask("send", to=scene.alice, category="MESSAGE_RECALL", content=content)
    seen = scene.stage.people.seen[scene.alice]
    await scene.stage.until(lambda: bool(seen[sent["message_id"]]["recalled"]), "a recalled text")


async def refusal(scene: Scene, bot: BotProcess) -> None:
    """It is told so when it sends what only the service sends."""
    content = {"type": "transfer", "amount": "1"}
    try:
        await bot.ask("send", to=scene.alice, category="SYSTEM_ACCOUNT_SNAPSHOT", content=content)
    except AskFailed as error:
        _expect("403" in str(error), f"the refusal is {error}")
    else:
        raise StepFailed("it believes that it has sent a transfer")


async def contact(scene: Scene, bot: BotProcess) -> None:
    """It writes to somebody who does not know it, in a conversation that it creates."""
    await bot.ask("create_contact", user_id=scene.carol)
    await bot.ask("send", to=scene.carol, category="PLAIN_TEXT", content="Nice to meet you")
    await scene.until_text(scene.carol, "Nice to meet you")


async def group(scene: Scene, bot: BotProcess) -> None:
    """It creates a group, and writes there."""
    group_id = await _create_group(scene, bot, scene.alice, scene.bob)
    await bot.ask("say", conversation_id=group_id, text="Hello, everybody")
    for person in (scene.alice, scene.bob):
        await scene.until_text(person, "Hello, everybody")


async def participants(scene: Scene, bot: BotProcess) -> None:
    """It adds somebody to a group, makes them an admin, and removes them."""
    group_id = await _create_group(scene, bot, scene.alice)

    async def change(action: str) -> None:
        await bot.ask("participants", conversation_id=group_id, action=action, user_ids=[scene.bob])
        await scene.stage.until(lambda: action in _changes(scene, group_id), f"{action} of Bob")
        await bot.ask("say", conversation_id=group_id, text=f"after {action} in {group_id}")
        await scene.until_text(scene.alice, f"after {action} in {group_id}")

    for action in ("ADD", "ROLE", "REMOVE"):
        await change(action)
    role = _changes(scene, group_id)["ROLE"]
    _expect(role.get("role") == "ADMIN", f"Bob's role is {role}")
    heard = [text for text in scene.texts(scene.bob) if text.endswith(group_id)]
    _expect(len(heard) == 2, f"while he was in it, Bob has heard {heard}")


async def join(scene: Scene, bot: BotProcess) -> None:
    """It joins a group by its code, and leaves it."""
    created = await _group_of_people(scene)
    await bot.ask("join", code_id=created["code_id"])
    group_id = created["conversation_id"]
    await scene.stage.until(lambda: "JOIN" in _changes(scene, group_id), "JOIN of the bot")
    await bot.ask("exit", conversation_id=group_id)
    await scene.stage.until(lambda: "EXIT" in _changes(scene, group_id), "EXIT of the bot")


async def attachment(scene: Scene, bot: BotProcess) -> None:
    """It uploads a picture and sends it; who gets it downloads just that."""
    uploaded = await bot.ask("upload", data=b64encode(_FILE).decode())
    attachment_id = uploaded["attachment_id"]
    content = sample("PLAIN_IMAGE", user_id="", attachment_id=attachment_id)
    await bot.ask("send", to=scene.alice, category="PLAIN_IMAGE", content=content)
    await scene.stage.until(
        lambda: content in [_content(one) for one in scene.messages(scene.alice)], "the picture"
    )
    async with scene.stage.http.get(f"{scene.stage.url}/view/{attachment_id}") as answer:
        _expect(await answer.read() == _FILE, "it has arrived, but not as it was")


async def users(scene: Scene, bot: BotProcess) -> None:
    """It reads its own profile, and others'."""
    me = await bot.ask("me")
    _expect(me["user_id"] == scene.bot_id, f"its profile is {me}")
    _expect(me["full_name"] == scene.bot_name, f"its profile is {me}")
    alice = await bot.ask("user", user_id=scene.alice)
    _expect(alice["full_name"].startswith("Alice"), f"Alice is {alice}")
    searched = await bot.ask("search", query=alice["identity_number"])
    _expect(searched["user_id"] == scene.alice, f"{alice['identity_number']} is {searched}")


async def fetch(scene: Scene, bot: BotProcess) -> None:
    """It reads several profiles at once."""
    both = await bot.ask("users", user_ids=[scene.alice, scene.bob])
    found = {one["user_id"] for one in both}
    _expect(found == {scene.alice, scene.bob}, f"Alice and Bob are {both}")


async def code(scene: Scene, bot: BotProcess) -> None:
    """It reads what a code stands for."""
    created = await _group_of_people(scene)
    found = await bot.ask("code", code_id=created["code_id"])
    _expect(found["conversation_id"] == created["conversation_id"], f"the code is of {found}")


async def friends(scene: Scene, bot: BotProcess) -> None:
    """It makes somebody its friend, and ends that."""
    for action, expected in (("befriend", {scene.carol}), ("unfriend", set[str]())):
        await bot.ask(action, user_id=scene.carol)
        found = {one["user_id"] for one in await bot.ask("friends")}
        _expect(found == expected, f"after {action} its friends are {found}")


async def transfer(scene: Scene, bot: BotProcess) -> None:
    """It reads what the service tells it of a transfer."""
    await scene.stage.control.transfer(
        scene.alice, scene.bot_id, amount="12.5", category="SYSTEM_ACCOUNT_SNAPSHOT"
    )
    await scene.until_text(scene.alice, "Thank you for 12.5")


async def oauth(scene: Scene, bot: BotProcess) -> None:
    """It exchanges a person's code, and learns from that who the person is."""
    control = scene.stage.control
    secret = await control.call("POST", f"/bots/{scene.bot_id}/secret")
    granted = await control.call(
        "POST",
        f"/people/{scene.carol}/authorizations",
        {"bot_id": scene.bot_id, "scope": "PROFILE:READ"},
    )
    person = await bot.ask("authorize", code=granted["code"], client_secret=secret["client_secret"])
    _expect(person["user_id"] == scene.carol, f"whoever authorised it is {person}")


async def encrypted(scene: Scene, bot: BotProcess) -> None:
    """It reads an encrypted text, and answers encrypted."""
    words = "between us: 秘密"
    await scene.say(scene.alice, words, encrypted=True)

    def arrived() -> bool:
        return any(one["encrypted"] and one["text"] == words for one in scene.messages(scene.alice))

    await scene.stage.until(arrived, "the same text, encrypted")


async def decrypt(scene: Scene, bot: BotProcess) -> None:
    """It reads an encrypted text."""
    words = "for your eyes: 秘密"
    await scene.say(scene.alice, words, encrypted=True)
    await scene.until_text(scene.alice, words)


async def reconnect(scene: Scene, _: BotProcess) -> None:
    """It comes back after a restart of the service, and goes on."""
    await _until_acknowledged(scene)
    before = (await scene.stage.control.bot(scene.bot_id))["connections"]
    await scene.stage.restart()
    await scene.until_bot(
        lambda bot: bot["connected"] and bot["connections"] > before, "it is connected again"
    )
    await scene.say(scene.alice, "said after the restart")
    await scene.until_text(scene.alice, "said after the restart")


LOOP: Final[Mapping[str, Step]] = {
    "connect": connect,
    "receive": receive,
    "reply": reply,
    "acknowledge": acknowledge,
}
"""The loop that every client is there for."""

FURTHER: Final[Mapping[str, Step]] = {
    "recall": recall,
    "refusal": refusal,
    "contact": contact,
    "group": group,
    "participants": participants,
    "join": join,
    "attachment": attachment,
    "users": users,
    "fetch": fetch,
    "code": code,
    "friends": friends,
    "transfer": transfer,
    "oauth": oauth,
    "decrypt": decrypt,
    "encrypted": encrypted,
    "reconnect": reconnect,
}
"""What comes after every category is sent; the restart is the end of it."""


async def _until_acknowledged(scene: Scene) -> None:
    await scene.until_bot(lambda bot: bot["pending"] == 0, "it has acknowledged all")


async def _create_group(scene: Scene, bot: BotProcess, *user_ids: str) -> str:
    group_id = str(uuid4())
    created = await bot.ask(
        "create_group", conversation_id=group_id, name="A group", user_ids=list(user_ids)
    )
    _expect(created["conversation_id"] == group_id, f"the group is {created}")
    await scene.stage.until(lambda: "CREATE" in _changes(scene, group_id), "CREATE of the group")
    return group_id


async def _group_of_people(scene: Scene) -> dict[str, Any]:
    created: dict[str, Any] = await scene.stage.control.call(
        "POST",
        f"/people/{scene.alice}/conversations",
        {"name": "Alice's", "participants": [scene.bob]},
    )
    return created


def _changes(scene: Scene, conversation_id: str) -> dict[str, dict[str, Any]]:
    """Return the last change of each action that Alice has been told of."""
    return {
        change["action"]: change
        for one in scene.stage.people.seen[scene.alice].values()
        if one["category"] == "SYSTEM_CONVERSATION" and one["conversation_id"] == conversation_id
        for change in [_content(one)]
    }


def _content(message: dict[str, Any]) -> Any:
    """Return a content as it is sampled: text, or what its JSON says."""
    if message["text"] is not None:
        return message["text"]
    data = decode_base64(message["data_base64"])
    if message["category"] == "PLAIN_POST":
        return data.decode()
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)
