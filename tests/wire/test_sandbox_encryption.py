"""Encrypted messages end to end (protocol section 8); the bot's side is the cipher alone."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blazebot.keys.encryption import MessageCipher, Recipient, sessions_checksum
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.content import CATEGORIES, Recall
from blazebot.wire.frames import CREATE_MESSAGE
from tests.wire.sandbox_peers import Box, Line, body_of, new_id, sandbox_here, text
from tests.wire.test_sandbox_categories import EXAMPLES

PLAIN = [name for name in CATEGORIES if name.startswith("PLAIN_")]


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


class Pair:
    """A person and a bot that are friends."""

    def __init__(self, box: Box, person: str, bot: Keystore, where: str) -> None:
        self.box, self.person, self.bot, self.where = box, person, bot, where
        self.cipher = MessageCipher(bot.session_id, bot.private_key)

    async def sessions(self, *user_ids: str) -> list[dict[str, Any]]:
        ids = list(user_ids) or [self.person]
        _, answer = await self.box.rest(self.bot, "POST", "/sessions/fetch", ids)
        sessions: list[dict[str, Any]] = answer["data"]
        return sessions

    def encrypt(self, plaintext: bytes, sessions: Sequence[dict[str, Any]]) -> str:
        recipients = [
            Recipient(one["session_id"], decode_base64(one["public_key"])) for one in sessions
        ]
        return encode_base64(self.cipher.encrypt(plaintext, recipients))

    def item(
        self,
        plaintext: bytes,
        sessions: Sequence[dict[str, Any]],
        *,
        category: str = "ENCRYPTED_TEXT",
        **fields: Any,
    ) -> dict[str, Any]:
        """An item of /encrypted_messages."""
        ids = [one["session_id"] for one in sessions]
        return {
            "conversation_id": self.where,
            "recipient_id": self.person,
            "message_id": new_id(),
            "category": category,
            "data_base64": self.encrypt(plaintext, sessions),
            "checksum": sessions_checksum(ids),
            "recipient_sessions": [{"session_id": id_} for id_ in ids],
        } | fields

    async def post(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        _, answer = await self.box.rest(self.bot, "POST", "/encrypted_messages", list(items))
        outcomes: list[dict[str, Any]] = answer["data"]
        return outcomes

    async def say(self, words: str, **fields: Any) -> tuple[int, Any]:
        """Let the person send to the bot, encrypted."""
        message = {"conversation_id": self.where, "text": words, "encrypted": True} | fields
        return await self.box.control("POST", f"/people/{self.person}/messages", message)

    async def sees(self) -> list[dict[str, Any]]:
        return (await self.box.sees(self.person))[1:]

    async def renew(self, **how: bool) -> dict[str, Any]:
        session: dict[str, Any] = await self.box.do("POST", f"/people/{self.person}/sessions", how)
        return session


async def befriended(box: Box, form: str = "app") -> Pair:
    person, bot = await box.person(), await box.bot(form)
    return Pair(box, person, bot, await box.befriend(person, bot))


@pytest.fixture
async def pair(box: Box) -> Pair:
    return await befriended(box)


async def next_text(line: Line) -> dict[str, Any]:
    """The next pushed message after the Hello."""
    view = await line.view()
    return view if view["data_base64"] != text("Hello") else await line.view()


# Sessions


async def test_sessions_are_told(pair: Pair) -> None:
    other = await pair.box.bot("rsa")
    asked = [pair.person.upper(), pair.bot.app_id, other.app_id, new_id(), pair.person]
    mine, bots, rsa = await pair.sessions(*asked)
    assert set(mine) == {"type", "user_id", "session_id", "public_key", "platform"}
    assert mine["user_id"] == pair.person
    assert len(decode_base64(mine["public_key"])) == 32
    assert mine["platform"]
    assert (bots["session_id"], len(decode_base64(bots["public_key"]))) == (
        pair.bot.session_id,
        32,
    )
    assert (rsa["session_id"], rsa["public_key"]) == (other.session_id, "")
    _, answer = await pair.box.rest(pair.bot, "GET", f"/conversations/{pair.where}")
    told = {one["session_id"]: one["public_key"] for one in answer["data"]["participant_sessions"]}
    assert told == {one["session_id"]: one["public_key"] for one in (mine, bots)}
    refused: list[Any] = [["alice"], {}, [None]]
    for bad in refused:
        _, answer = await pair.box.rest(pair.bot, "POST", "/sessions/fetch", bad)
        assert answer["error"]["code"] == 10002


async def test_a_person_gets_further_sessions(pair: Pair) -> None:
    (first,) = await pair.sessions()
    second = await pair.renew(keep=True)
    assert [one["session_id"] for one in second["sessions"]] == [
        first["session_id"],
        second["session_id"],
    ]
    assert [one["session_id"] for one in await pair.sessions()] == [
        first["session_id"],
        second["session_id"],
    ]
    third = await pair.renew(public_key=False)
    assert third["public_key"] == ""
    assert [one["session_id"] for one in await pair.sessions()] == [third["session_id"]]


async def test_private_keys_are_in_one_table_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with sandbox_here(db=str(path)) as box:
        pair = await befriended(box)
        await pair.post(pair.item(b"hi", await pair.sessions()))
        assert (await pair.say("hi"))[0] == 200
    with closing(sqlite3.connect(path)) as database:
        ((seed,),) = database.execute("SELECT private_key FROM session_keys").fetchall()
        assert len(seed) == 32
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
        found = [
            name
            for name in tables
            if name in {row[1] for row in database.execute("PRAGMA table_list")}
            for row in database.execute(f"SELECT * FROM {name}")  # noqa: S608
            if any(isinstance(value, bytes) and seed in value for value in row)
        ]
    assert found == ["session_keys"]
    assert "session_keys" in tables


# From bots to people


@pytest.mark.parametrize("category", PLAIN)
async def test_from_a_bot_to_a_person(pair: Pair, category: str) -> None:
    content = next(one for one in EXAMPLES if one.category == category)
    data = content.encode(new_id())
    encrypted = category.replace("PLAIN_", "ENCRYPTED_")
    item = pair.item(data, await pair.sessions(), category=encrypted)
    assert await pair.post(item) == [
        {
            "type": "message",
            "message_id": item["message_id"],
            "recipient_id": pair.person,
            "state": "SUCCESS",
            "sessions": [],
        }
    ]
    (seen,) = await pair.sees()
    assert (seen["category"], seen["encrypted"], seen["undecryptable"]) == (encrypted, True, "")
    assert decode_base64(seen["data_base64"]) == data
    assert seen["text"] == (data.decode() if category == "PLAIN_TEXT" else None)


async def test_stale_sessions_are_told_of_and_then_it_succeeds(pair: Pair) -> None:
    stale = await pair.sessions()
    await pair.renew()
    await pair.renew(keep=True)
    item = pair.item(b"hi", stale)
    fine = pair.item(b"first", await pair.sessions())
    (failed, succeeded) = await pair.post(item, fine)
    assert (failed["state"], failed["message_id"]) == ("FAILED", item["message_id"])
    assert succeeded["state"] == "SUCCESS"
    assert failed["sessions"] == await pair.sessions()
    assert len(failed["sessions"]) == 2

    again = pair.item(b"hi", failed["sessions"], message_id=item["message_id"])
    assert (await pair.post(again))[0]["state"] == "SUCCESS"
    assert [one["text"] for one in await pair.sees()] == ["first", "hi"]
    await pair.renew()  # what was taken stays taken
    assert (await pair.post(again))[0]["state"] == "SUCCESS"
    assert [one["text"] for one in await pair.sees()] == ["first", "hi"]


async def test_on_the_socket_too(pair: Pair) -> None:
    sessions = await pair.sessions()
    async with pair.box.line(pair.bot) as line:
        for fields in ({"conversation_checksum": sessions_checksum([])}, {}):
            item = pair.item(b"hi", sessions)
            checksum = item.pop("checksum")
            item.pop("recipient_sessions")
            frame = await line.request(CREATE_MESSAGE, item | fields)
            if fields:
                assert frame.error is not None
                assert frame.error.code == 20140
                item["conversation_checksum"] = checksum
                frame = await line.request(CREATE_MESSAGE, item)
            body_of(frame)
    _, answer = await pair.box.rest(
        pair.bot, "POST", "/messages", pair.item(b"hi", sessions[:0] or sessions, checksum="0" * 32)
    )
    assert answer["error"]["code"] == 10002  # it is not that of recipient_sessions
    assert [one["text"] for one in await pair.sees()] == ["hi", "hi"]


async def test_other_categories_need_no_checksum(pair: Pair) -> None:
    plain = {"conversation_id": pair.where, "category": "PLAIN_TEXT", "data_base64": text("hi")}
    button = '[{"label":"x","color":"#46B8DA","action":"input:x"}]'
    one, two = new_id(), new_id()
    outcomes = await pair.post(
        plain | {"message_id": one},
        plain | {"message_id": two, "category": "APP_BUTTON_GROUP", "data_base64": text(button)},
    )
    assert [(one["state"], one["recipient_id"]) for one in outcomes] == [("SUCCESS", "")] * 2
    recall = plain | {
        "message_id": new_id(),
        "category": "MESSAGE_RECALL",
        "data_base64": encode_base64(Recall(one).encode()),
    }
    assert (await pair.post(recall))[0]["state"] == "SUCCESS"
    assert [message["recalled"] for message in await pair.sees()] == [True, False, False]


async def test_a_recipient_who_is_gone(pair: Pair) -> None:
    (outcome,) = await pair.post(pair.item(b"hi", await pair.sessions(), recipient_id=new_id()))
    assert (outcome["state"], outcome["sessions"]) == ("FAILED", [])


async def test_bad_ones_are_refused_as_a_whole(pair: Pair) -> None:
    sessions = await pair.sessions()
    for bad in (
        {"data_base64": text("not encrypted")},
        {"checksum": "0" * 32},
        {"category": ""},
        {"conversation_id": new_id()},
    ):
        items = [pair.item(b"hi", sessions), pair.item(b"hi", sessions) | bad]
        _, answer = await pair.box.rest(pair.bot, "POST", "/encrypted_messages", items)
        assert answer["error"]["code"] in (10002, 403), bad
    assert await pair.sees() == []


async def test_what_a_person_cannot_decrypt_says_so(pair: Pair) -> None:
    (session,) = await pair.sessions()
    others = await pair.sessions(pair.bot.app_id)
    tampered = decode_base64(pair.encrypt(b"hi", [session]))
    blobs = [
        (pair.encrypt(b"hi", others), "not encrypted for any session"),
        (encode_base64(tampered[:-1] + bytes([tampered[-1] ^ 1])), "tag"),
    ]
    for blob, reason in blobs:
        item = pair.item(b"", [session], data_base64=blob)
        assert (await pair.post(item))[0]["state"] == "SUCCESS"
        seen = (await pair.sees())[-1]
        assert (seen["encrypted"], seen["text"], seen["data_base64"]) == (True, None, "")
        assert reason in seen["undecryptable"]


async def test_history_stays_readable_on_new_sessions(pair: Pair) -> None:
    await pair.post(pair.item(b"before", await pair.sessions()))
    old = await pair.sessions()
    await pair.renew()
    item = pair.item(b"too late", old)  # without a checksum nobody checks
    item.pop("checksum")
    item.pop("recipient_sessions")
    await pair.post(item)
    before, late = await pair.sees()
    assert (before["text"], before["undecryptable"]) == ("before", "")
    assert late["undecryptable"]


# From people to bots


@pytest.mark.parametrize("category", PLAIN)
async def test_from_a_person_to_a_bot(pair: Pair, category: str) -> None:
    content = next(one for one in EXAMPLES if one.category == category)
    message_id = new_id()
    data = content.encode(message_id)
    message = {
        "conversation_id": pair.where,
        "category": category,
        "data_base64": encode_base64(data),
        "message_id": message_id,
        "encrypted": True,
    }
    await pair.box.do("POST", f"/people/{pair.person}/messages", message)
    async with pair.box.line(pair.bot) as line:
        await line.view()
        view = await line.view()
    assert view["category"] == category.replace("PLAIN_", "ENCRYPTED_")
    assert pair.cipher.decrypt(decode_base64(view["data_base64"])) == data
    assert view["session_id"] == (await pair.sessions())[0]["session_id"]
    (seen,) = await pair.sees()  # who sent it reads it too
    assert (decode_base64(seen["data_base64"]), seen["encrypted"]) == (data, True)


async def test_an_rsa_bot_cannot_be_written_to_encrypted(box: Box) -> None:
    pair = await befriended(box, "rsa")
    status, answer = await pair.say("hi")
    assert (status, answer["error"]["extra"]["field"]) == (400, "encrypted")
    assert "RSA" in answer["error"]["extra"]["reason"]
    assert pair.bot.app_id in answer["error"]["extra"]["reason"]
    assert await pair.sees() == []


async def test_nor_can_a_person_write_so_without_a_key(pair: Pair) -> None:
    await pair.renew(public_key=False)
    status, answer = await pair.say("hi")
    assert (status, answer["error"]["extra"]["field"]) == (400, "encrypted")
    status, answer = await pair.say("", text=None, category="APP_CARD", data_base64=text("{}"))
    assert (status, answer["error"]["code"]) == (400, 10002)


async def test_only_bots_that_are_named_and_can_read_get_it(box: Box) -> None:
    alice, bob = await box.person(), await box.person()
    reads, unnamed, rsa = [await box.bot(form) for form in ("app", "ed25519", "rsa")]
    bots = [reads, unnamed, rsa]
    new = {"creator_id": alice, "participants": [bob, *[bot.app_id for bot in bots]]}
    where = (await box.do("POST", "/groups", new))["conversation_id"]
    pair = Pair(box, bob, reads, where)
    (session,) = await pair.sessions(reads.app_id)
    (bobs,) = await pair.sessions(bob)
    rsa_session = session | {"session_id": rsa.session_id}
    blob = pair.encrypt(b"psst", [session, bobs, rsa_session])
    message = {"conversation_id": where, "category": "ENCRYPTED_TEXT", "data_base64": blob}
    sent = await box.do("POST", f"/people/{alice}/messages", message)
    for bot in bots:
        async with box.line(bot) as line:
            await line.view()  # the group is new
            if bot is reads:
                assert (await line.view())["message_id"] == sent["message_id"]
            assert await line.silent()
    assert [one["text"] for one in await box.sees(bob)][1:] == ["psst"]


async def test_what_was_encrypted_for_an_ended_session_is_not_delivered(pair: Pair) -> None:
    assert (await pair.say("for the old session"))[0] == 200
    pair.bot = await pair.box.new_session(pair.bot.app_id)
    assert (await pair.say("for the new one"))[0] == 200
    async with pair.box.line(pair.bot) as line:
        view = await next_text(line)
        cipher = MessageCipher(pair.bot.session_id, pair.bot.private_key)
        assert cipher.decrypt(decode_base64(view["data"])) == b"for the new one"
        assert await line.silent()
        assert (await pair.box.do("GET", f"/bots/{pair.bot.app_id}"))["pending"] == 2


async def test_in_a_group_the_sessions_are_those_of_all_others(box: Box) -> None:
    alice, bob, bot = await box.person(), await box.person(), await box.bot()
    new = {"creator_id": alice, "participants": [bob, bot.app_id]}
    where = (await box.do("POST", "/groups", new))["conversation_id"]
    pair = Pair(box, bob, bot, where)
    only_bob = await pair.sessions(bob)
    item = pair.item(b"to all", only_bob, recipient_id="")
    (failed,) = await pair.post(item)
    assert (failed["state"], failed["recipient_id"]) == ("FAILED", "")
    assert {one["user_id"] for one in failed["sessions"]} == {alice, bob}
    (outcome,) = await pair.post(pair.item(b"to all", failed["sessions"], recipient_id=""))
    assert outcome["state"] == "SUCCESS"
    for person in (alice, bob):
        assert [one["text"] for one in await box.sees(person)][1:] == ["to all"]
