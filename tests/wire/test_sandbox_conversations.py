"""Groups by REST and by the control API: who may change what, and who is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64
from tests.wire.sandbox_peers import Box, Line, new_id, sandbox_here

WEEK = 7 * 24 * 3600
UNSET = "0001-01-01T00:00:00Z"


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


async def ask(box: Box, bot: Keystore, path: str, body: Any = None) -> Any:
    answer, document = await box.rest(bot, "POST" if body is not None else "GET", path, body)
    assert answer.status == 200, document
    return document["data"]


async def code(box: Box, bot: Keystore, path: str, body: Any) -> int:
    answer, document = await box.rest(bot, "POST", path, body)
    assert answer.status == 202, document
    return int(document["error"]["code"])


def ids(*user_ids: str) -> list[dict[str, str]]:
    return [{"user_id": user_id, "role": "", "created_at": UNSET} for user_id in user_ids]


async def group(box: Box, bot: Keystore, *user_ids: str) -> str:
    """A group that the bot owns; its path."""
    request = {
        "category": "GROUP",
        "conversation_id": new_id(),
        "name": "Friends",
        "participants": ids(*user_ids),
    }
    created = await ask(box, bot, "/conversations", request)
    return f"/conversations/{created['conversation_id']}"


def roles(conversation: dict[str, Any]) -> dict[str, str]:
    return {one["user_id"]: one["role"] for one in conversation["participants"]}


async def change(line: Line) -> dict[str, Any]:
    """The next that the service tells of the conversation."""
    view = await line.view()
    assert view["category"] == "SYSTEM_CONVERSATION"
    told: dict[str, Any] = json.loads(decode_base64(view["data_base64"]))
    return {name: value for name, value in told.items() if value is not None}


async def test_name_and_announcement(box: Box, bot: Keystore) -> None:
    other = await box.bot()
    path = await group(box, bot, other.app_id)
    changed = await ask(box, bot, path, {"name": "x" * 512, "announcement": "y" * 1024})
    assert (changed["name"], changed["announcement"]) == ("x" * 512, "y" * 1024)
    assert await ask(box, bot, path) == changed
    assert (await ask(box, bot, path, {"announcement": ""}))["name"] == "x" * 512
    assert await code(box, bot, path, {"name": "x" * 513}) == 10002
    assert await code(box, bot, path, {"announcement": "y" * 1025}) == 10002
    assert await code(box, other, path, {"name": "mine"}) == 403
    assert await code(box, await box.bot(), path, {"name": "mine"}) == 403
    request = {"category": "GROUP", "conversation_id": new_id(), "name": "x" * 513}
    assert await code(box, bot, "/conversations", request) == 10002


async def test_participants_and_roles(box: Box, bot: Keystore) -> None:
    alice, bob = await box.person(), await box.person()
    admin, other = await box.bot(), await box.bot()
    path = await group(box, bot, alice, admin.app_id)
    assert await code(box, admin, f"{path}/participants/ADD", ids(bob)) == 403
    added = await ask(box, bot, f"{path}/participants/ADD", ids(bob.upper(), other.app_id, alice))
    assert roles(added) == {
        bot.app_id: "OWNER",
        alice: "",
        bob: "",
        admin.app_id: "",
        other.app_id: "",
    }
    promotion = [{"user_id": one, "role": "ADMIN"} for one in (admin.app_id, other.app_id)]
    assert await code(box, admin, f"{path}/participants/ROLE", promotion) == 403
    promoted = await ask(box, bot, f"{path}/participants/ROLE", promotion)
    assert roles(promoted)[admin.app_id] == "ADMIN"
    for wrong, expected in (
        ([{"user_id": bob, "role": "KING"}], 10002),
        ([{"user_id": new_id(), "role": "ADMIN"}], 10002),
        ([{"user_id": bot.app_id, "role": ""}], 403),
    ):
        assert await code(box, bot, f"{path}/participants/ROLE", wrong) == expected

    remove = f"{path}/participants/REMOVE"
    left = await ask(box, admin, remove, ids(bob, new_id()))
    assert bob not in roles(left)
    assert await code(box, admin, remove, ids(bot.app_id)) == 403
    assert await code(box, admin, remove, ids(other.app_id)) == 403
    assert await code(box, admin, remove, ids(admin.app_id)) == 10002
    assert set(roles(await ask(box, bot, remove, ids(other.app_id)))) == {
        bot.app_id,
        alice,
        admin.app_id,
    }
    assert await ask(box, admin, path) == await ask(box, bot, path)
    answer, document = await box.rest(other, "GET", path)
    assert (answer.status, document["error"]["code"]) == (202, 403)
    assert await code(box, bot, f"{path}/participants/ADD", ids(new_id())) == 10002
    assert await code(box, bot, f"{path}/participants/PROMOTE", ids(bob)) == 404

    gone = await ask(box, admin, f"{path}/exit", {})
    assert set(roles(gone)) == {bot.app_id, alice}
    assert await code(box, admin, f"{path}/exit", {}) == 403


async def test_what_is_said_is_for_those_who_are_there(box: Box, bot: Keystore) -> None:
    alice, other = await box.person(), await box.bot()
    path = await group(box, bot, alice)
    where = path.rpartition("/")[2]
    await box.say(alice, "before", conversation_id=where)
    await ask(box, bot, f"{path}/participants/ADD", ids(other.app_id))
    await box.say(alice, "between", conversation_id=where)
    await ask(box, bot, f"{path}/participants/REMOVE", ids(other.app_id))
    await box.say(alice, "after", conversation_id=where)
    async with box.line(other) as line:
        assert (await change(line))["action"] == "ADD"
        view = await line.view()
        assert decode_base64(view["data_base64"]) == b"between"
        assert (await change(line))["action"] == "REMOVE"
        assert await line.silent()
    message = {"conversation_id": where, "message_id": new_id(), "category": "PLAIN_TEXT"}
    assert await code(box, other, "/messages", message | {"data": "aGk="}) == 403


async def test_everybody_is_told_of_changes(box: Box, bot: Keystore) -> None:
    alice, bob, listener = await box.person(), await box.person(), await box.bot()
    path = await group(box, bot, alice, listener.app_id)
    async with box.line(listener) as line:
        assert (await change(line))["action"] == "CREATE"
        by = {"user_id": bot.app_id}
        await ask(box, bot, path, {"name": "New"})
        assert await change(line) == by | {"action": "UPDATE"}
        await ask(box, bot, path, {"name": "New"})  # no change
        await ask(box, bot, f"{path}/participants/ADD", ids(bob))
        assert await change(line) == by | {"action": "ADD", "participant_id": bob}
        await ask(box, bot, f"{path}/participants/ROLE", [{"user_id": bob, "role": "ADMIN"}])
        told = {"action": "ROLE", "participant_id": bob, "role": "ADMIN"}
        assert await change(line) == by | told
        await ask(box, bot, f"{path}/disappear", {"duration": 60})
        assert await change(line) == by | {"action": "EXPIRE", "expire_in": 60}
        await ask(box, bot, f"{path}/participants/REMOVE", ids(bob))
        assert await change(line) == by | {"action": "REMOVE", "participant_id": bob}
        where = path.rpartition("/")[2]
        await box.do("POST", f"/people/{alice}/conversations/{where}/exit")
        told = {"action": "EXIT", "participant_id": alice, "user_id": alice}
        assert await change(line) == told
        code_id = (await ask(box, bot, path))["code_id"]
        await box.do("POST", f"/people/{bob}/join", {"code_id": code_id})
        told = {"action": "JOIN", "participant_id": bob, "user_id": bob}
        assert await change(line) == told


async def test_codes_let_join_until_they_are_rotated(box: Box, bot: Keystore) -> None:
    other, third = await box.bot(), await box.bot()
    path = await group(box, bot)
    code_id = (await ask(box, bot, path))["code_id"]
    for _ in range(2):
        joined = await ask(box, other, f"/conversations/{code_id}/join", {})
        assert roles(joined) == {bot.app_id: "OWNER", other.app_id: ""}
    assert await code(box, other, f"{path}/rotate", {}) == 403
    rotated = await ask(box, bot, f"{path}/rotate", {})
    assert rotated["code_id"] != code_id
    assert rotated["code_url"].endswith(rotated["code_id"])
    assert await code(box, third, f"/conversations/{code_id}/join", {}) == 404
    await ask(box, third, f"/conversations/{rotated['code_id']}/join", {})


async def test_a_group_has_at_most_256(box: Box, bot: Keystore) -> None:
    people = (await box.do("POST", "/people", [{}] * 256))["people"]
    user_ids = [person["user_id"] for person in people]
    path = await group(box, bot, *user_ids[:254])
    full = await ask(box, bot, f"{path}/participants/ADD", ids(user_ids[254]))
    assert len(full["participants"]) == 256
    assert await code(box, bot, f"{path}/participants/ADD", ids(user_ids[255])) == 20116
    other = await box.bot()
    assert await code(box, other, f"/conversations/{full['code_id']}/join", {}) == 20116
    status, answer = await box.control(
        "POST", f"/people/{user_ids[255]}/join", {"code_id": full["code_id"]}
    )
    assert (status, answer["error"]["code"]) == (409, 20116)
    await ask(box, bot, f"{path}/participants/REMOVE", ids(user_ids[0]))
    await ask(box, other, f"/conversations/{full['code_id']}/join", {})


async def test_muting_is_for_oneself(box: Box, bot: Keystore) -> None:
    other = await box.bot()
    path = await group(box, bot, other.app_id)
    await box.do("POST", "/clocks", {"retention_offset": 0})
    muted = await ask(box, bot, f"{path}/mute", {"category": "GROUP", "duration": WEEK})
    assert muted["mute_until"] > muted["created_at"]
    assert (await ask(box, bot, path))["mute_until"] == muted["mute_until"]
    assert (await ask(box, other, path))["mute_until"] == UNSET
    assert (await ask(box, bot, f"{path}/mute", {"duration": 0}))["mute_until"] == UNSET
    for wrong in ({"duration": -1}, {"duration": 2**62}, {"duration": "long"}):
        assert await code(box, bot, f"{path}/mute", wrong) == 10002


async def test_messages_disappear_within_12_weeks(box: Box, bot: Keystore) -> None:
    other, alice = await box.bot(), await box.person()
    path = await group(box, bot, other.app_id)
    assert (await ask(box, bot, f"{path}/disappear", {"duration": 12 * WEEK}))["expire_in"] == (
        12 * WEEK
    )
    assert await code(box, bot, f"{path}/disappear", {"duration": 12 * WEEK + 1}) == 10002
    assert await code(box, other, f"{path}/disappear", {"duration": 0}) == 403
    assert (await ask(box, other, path))["expire_in"] == 12 * WEEK
    assert (await ask(box, bot, f"{path}/disappear", {"duration": 0}))["expire_in"] == 0
    contact = f"/conversations/{await box.befriend(alice, bot)}"
    assert (await ask(box, bot, f"{contact}/disappear", {"duration": 5}))["expire_in"] == 5


async def test_an_owner_who_leaves_has_no_successor_unless_so_told(box: Box, bot: Keystore) -> None:
    one, two = await box.bot(), await box.bot()
    path = await group(box, bot, one.app_id, two.app_id)
    left = await ask(box, bot, f"{path}/exit", {})
    assert roles(left) == {one.app_id: "", two.app_id: ""}
    assert await code(box, one, path, {"name": "mine now"}) == 403

    async with sandbox_here(owner_has_successor=True) as other_box:
        owner, elder, admin = [await other_box.bot() for _ in range(3)]
        path = await group(other_box, owner, elder.app_id, admin.app_id)
        promotion = [{"user_id": admin.app_id, "role": "ADMIN"}]
        await ask(other_box, owner, f"{path}/participants/ROLE", promotion)
        left = await ask(other_box, owner, f"{path}/exit", {})
        assert roles(left) == {elder.app_id: "", admin.app_id: "OWNER"}
        async with other_box.line(elder) as line:
            told = [await change(line) for _ in range(4)]
        assert [one["action"] for one in told] == ["CREATE", "ROLE", "EXIT", "ROLE"]
        assert (told[3]["participant_id"], told[3]["role"]) == (admin.app_id, "OWNER")
        assert roles(await ask(other_box, admin, f"{path}/exit", {})) == {elder.app_id: "OWNER"}
        assert roles(await ask(other_box, elder, f"{path}/exit", {})) == {}


async def test_muting_and_a_new_code_are_told_to_nobody(box: Box, bot: Keystore) -> None:
    other = await box.bot()
    path = await group(box, bot, other.app_id)
    async with box.line(other) as line:
        assert (await change(line))["action"] == "CREATE"
        await ask(box, bot, f"{path}/rotate", {})
        await ask(box, bot, f"{path}/mute", {"duration": 60})
        assert await line.silent()


async def test_a_conversation_of_two_is_no_group(box: Box, bot: Keystore) -> None:
    alice, bob = await box.person(), await box.person()
    path = f"/conversations/{await box.befriend(alice, bot)}"
    code_id = (await ask(box, bot, path))["code_id"]
    assert await code(box, bot, f"/conversations/{code_id}/join", {}) == 403
    for what, body in (
        ("", {"name": "x"}),
        ("/participants/ADD", ids(bob)),
        ("/participants/REMOVE", ids(alice)),
        ("/participants/ROLE", ids(alice)),
        ("/exit", {}),
        ("/rotate", {}),
    ):
        assert await code(box, bot, path + what, body) == 403
    assert (await ask(box, bot, f"{path}/mute", {"duration": 60}))["mute_until"] != UNSET


async def test_people_do_the_same(box: Box, bot: Keystore) -> None:
    alice, bob, carol = [await box.person(name) for name in ("Alice", "Bob", "Carol")]
    made = await box.do(
        "POST",
        f"/people/{alice}/conversations",
        {"name": "Ours", "participants": [bot.app_id, bob], "announcement": "hi"},
    )
    where = made["conversation_id"]
    assert roles(made) == {alice: "OWNER", bob: "", bot.app_id: ""}
    own, bobs = (f"/people/{one}/conversations/{where}" for one in (alice, bob))
    member = {"user_id": carol}
    assert (
        await box.control(
            "POST", f"{bobs}/participants", {"action": "ADD", "participants": [member]}
        )
    )[0] == 403
    promotion = {"action": "ROLE", "participants": [{"user_id": bob, "role": "ADMIN"}]}
    assert roles(await box.do("POST", f"{own}/participants", promotion))[bob] == "ADMIN"
    adding = {"action": "ADD", "participants": [member]}
    assert carol in roles(await box.do("POST", f"{bobs}/participants", adding))
    renamed = await box.do("POST", bobs, {"name": "All of ours"})
    assert (renamed["name"], renamed["announcement"]) == ("All of ours", "hi")
    removing = {"action": "REMOVE", "participants": [member]}
    assert carol not in roles(await box.do("POST", f"{bobs}/participants", removing))
    before = renamed["code_id"]
    assert (await box.do("POST", f"{own}/rotate"))["code_id"] != before
    assert (await box.do("POST", f"{own}/disappear", {"duration": 60}))["expire_in"] == 60
    assert (await box.do("POST", f"{own}/mute", {"duration": 60}))["mute_until"] != UNSET
    listed = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
    assert (listed[0]["expire_in"], listed[0]["name"]) == (60, "All of ours")
    await box.do("POST", f"{own}/exit")
    assert (await box.do("GET", f"/people/{alice}/conversations"))["conversations"] == []
    assert set(roles(await ask(box, bot, f"/conversations/{where}"))) == {bob, bot.app_id}
    for path, body, expected in (
        (f"{own}/exit", {}, 403),
        (f"{bobs}/participants", {"action": "KICK", "participants": []}, 400),
        (f"{bobs}/mute", {}, 400),
        (f"/people/{bob}/join", {"code_id": before}, 404),
    ):
        status, answer = await box.control("POST", path, body)
        assert (status, bool(answer["error"]["extra"]["reason"])) == (expected, True), path


async def test_changes_outlive_a_restart(tmp_path: Any) -> None:
    db = str(tmp_path / "box.db")
    async with sandbox_here(db=db) as box:
        bot, alice, other = await box.bot(), await box.person(), await box.bot()
        path = await group(box, bot, alice, other.app_id)
        await ask(box, bot, f"{path}/participants/ROLE", [{"user_id": alice, "role": "ADMIN"}])
        await ask(box, bot, f"{path}/participants/REMOVE", ids(other.app_id))
        await ask(box, bot, f"{path}/mute", {"duration": 60})
        before = await ask(box, bot, f"{path}/rotate", {})
    async with sandbox_here(db=db) as box:
        after = await ask(box, bot, path)
        assert roles(after) == roles(before) == {bot.app_id: "OWNER", alice: "ADMIN"}
        for name in ("code_id", "mute_until", "expire_in", "name"):
            assert after[name] == before[name]
