"""Files of older versions: what is in them is served as if it had been written today."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.sandbox.storage.database import Database
from blazebot.sandbox.storage.tables import MIGRATIONS
from blazebot.wire.ids import contact_conversation_id
from tests.wire.sandbox_peers import new_id, sandbox_here, text

RELEASED = (
    "2de36b6804a415e2",
    "b28dac5848b03e72",
    "770ee59751342740",
)
"""Beginnings of the SHA-256 of scripts that files have seen: such a script is never changed."""

DAY = 24 * 3600 * 10**9


class Old(NamedTuple):
    """What is in a file: Alice and her bot, a group, and what they have said to each other."""

    alice: str
    bot: Keystore
    contact: str
    group: str
    waiting: str
    expired: str
    read: str


def insert(connection: sqlite3.Connection, table: str, **columns: Any) -> None:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - our own words
    connection.execute(statement, tuple(columns.values()))


def write_old_file(path: Path, version: int) -> Old:
    """Write a file as a sandbox of this version has left it."""
    Database(str(path), sync="normal", migrations=MIGRATIONS[:version]).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        return fill(connection, version)


def fill(connection: sqlite3.Connection, version: int) -> Old:
    now = time.time_ns()
    alice, app_id, session_id = new_id(), new_id(), new_id()
    issued = issue_keystore("app", app_id, session_id)
    der = issued.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    people = [(1, alice, "person", "Alice", "1000001"), (2, app_id, "bot", "Echo", "7000100001")]
    codes = [{"code_id": new_id()} if version > 1 else {} for _ in range(4)]
    for (number, user_id, kind, name, identity), code in zip(people, codes[:2], strict=True):
        insert(
            connection,
            "users",
            **{"number": number, "user_id": user_id, "kind": kind, "full_name": name},
            **{"identity_number": identity, "created_at": now - 9 * DAY},
            **code,
        )
    sessions = [(session_id, app_id, der, issued.curve_public_key), (new_id(), alice, None, "")]
    for id_, user_id, key, curve_key in sessions:
        insert(
            connection,
            "sessions",
            **{"session_id": id_, "user_id": user_id, "public_key": key},
            **{"curve_public_key": curve_key, "created_at": now - 9 * DAY},
        )
    if version > 2:
        seed = Ed25519PrivateKey.generate().private_bytes_raw()
        insert(connection, "session_keys", session_id=sessions[1][0], private_key=seed)
    if version == 1:
        insert(connection, "friends", person_id=alice, bot_id=app_id, created_at=now)
    else:
        insert(
            connection,
            "relationships",
            **{"user_id": alice, "other_id": app_id, "kind": "FRIEND", "created_at": now},
        )
    contact, group = contact_conversation_id(alice, app_id), new_id()
    for (id_, kind, name), code in zip(
        [(contact, "CONTACT", ""), (group, "GROUP", "Ours")], codes[2:], strict=True
    ):
        insert(
            connection,
            "conversations",
            **{"conversation_id": id_, "category": kind, "creator_id": alice, "name": name},
            **{"announcement": "", "created_at": now - 9 * DAY},
            **code,
        )
        for user_id in (alice, app_id):
            role = "OWNER" if kind == "GROUP" and user_id == alice else ""
            insert(
                connection,
                "participants",
                **{"conversation_id": id_, "user_id": user_id, "role": role},
                **{"joined": 0, "created_at": now - 9 * DAY},
            )
    expired, waiting, read = new_id(), new_id(), new_id()
    for seq, message_id, where, sender, age, expire_in, status in (
        (1, expired, contact, alice, 8 * DAY, 0, 0),
        (2, waiting, group, alice, 6 * DAY, 0, 0),
        (3, read, contact, app_id, DAY, 60, 2),
    ):
        insert(
            connection,
            "messages",
            **{"seq": seq, "message_id": message_id, "conversation_id": where, "user_id": sender},
            **{"session_id": session_id, "category": "PLAIN_TEXT", "data": message_id.encode()},
            **{"quote_message_id": "", "representative_id": "", "silent": 0},
            **{"expire_in": expire_in, "created_at": now - age, "updated_at": now - age},
            **{"status": status, "changed": seq},
            **({"disappears_at": now - age + 60 * 10**9} if version > 4 and expire_in else {}),
        )
    for seq, age in ((1, 8 * DAY), (2, 6 * DAY)):
        expiry = {"expires_at": now - age + 7 * DAY} if version > 4 else {}
        insert(connection, "deliveries", user_id=app_id, status=0, seq=seq, **expiry)
    bot = Keystore.load(issued.document)
    return Old(alice, bot, contact, group, waiting, expired, read)


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_a_file_of_each_older_version_is_served(tmp_path: Path, version: int) -> None:
    db = tmp_path / "sandbox.db"
    old = write_old_file(db, version)
    async with sandbox_here(db=str(db)) as box:
        (alice,) = (await box.do("GET", "/people"))["people"]
        assert (alice["user_id"], alice["full_name"]) == (old.alice, "Alice")
        async with box.line(old.bot) as line:  # its session is still good
            view = await line.view()
            assert (view["message_id"], view["conversation_id"]) == (old.waiting, old.group)
            assert view["data_base64"] == text(old.waiting)
            assert await line.silent()  # what had waited for eight days is dropped
            await line.acknowledge(old.waiting)
        listed = (await box.do("GET", f"/people/{old.alice}/conversations"))["conversations"]
        assert {one["conversation_id"]: one["category"] for one in listed} == {
            old.contact: "CONTACT",
            old.group: "GROUP",
        }
        assert len({one["code_id"] for one in listed} - {""}) == 2
        seen = {one["message_id"]: one for one in await box.sees(old.alice)}
        assert seen[old.expired]["text"] == old.expired
        assert seen[old.waiting]["status"] == "READ"
        # It was read a day ago, and should have disappeared a minute later.
        assert (seen[old.read]["disappeared"], seen[old.read]["text"]) == (True, None)
        _, answer = await box.rest(old.bot, "GET", f"/users/{old.alice}")
        assert answer["data"]["full_name"] == "Alice"
        _, answer = await box.rest(old.bot, "GET", f"/conversations/{old.group}")
        _, same = await box.rest(old.bot, "GET", f"/codes/{answer['data']['code_id']}")
        assert same == answer
        await box.befriend(old.alice, old.bot)  # they are friends: no second hello
        assert (await box.do("GET", f"/bots/{old.bot.app_id}"))["pending"] == 0
        sent = await box.say(old.alice, "hi", conversation_id=old.contact)
        async with box.line(old.bot) as line:
            assert (await line.view())["message_id"] == sent
    async with sandbox_here(db=str(db)) as box:  # and once more, from what is today's file
        assert len(await box.sees(old.alice)) == 4


def test_released_migrations_are_never_changed() -> None:
    digests = [hashlib.sha256(script.encode()).hexdigest()[:16] for script in MIGRATIONS]
    assert tuple(digests[: len(RELEASED)]) == RELEASED
