"""Kills, restarts and files that cannot be used: what was answered is there afterwards."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from blazebot.errors import SandboxError
from blazebot.keys.keystore import Keystore
from blazebot.sandbox import Sandbox, SandboxSettings
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.storage.database import Database
from blazebot.wire.frames import CREATE_MESSAGE
from tests.command_line import forked
from tests.wire.sandbox_peers import (
    Box,
    Process,
    body_of,
    close_code,
    dial_raw,
    new_id,
    sandbox_here,
    text,
)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def test_a_restart_keeps_everything_and_drivers_go_on(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    db = tmp_path / "sandbox.db"
    process = await Process.start(db, sync="full")
    box = Box(process.url, http)
    alice, bot = await box.person("Alice"), await box.bot("rsa")
    await box.befriend(alice, bot)
    async with box.driver() as driver, box.line(bot) as line:
        await driver.data("subscribe", people=[alice], after=0)
        await driver.event()
        cursor = driver.cursor
        ends = process.terminate(), line.closed(), close_code(driver.socket)
        assert tuple(await asyncio.gather(*ends)) == (
            0,
            aiohttp.WSCloseCode.GOING_AWAY,
            aiohttp.WSCloseCode.GOING_AWAY,
        )
    assert stat.S_IMODE(db.stat().st_mode) == 0o600
    assert not db.with_name("sandbox.db-wal").exists()

    process = await Process.start(db)
    box = Box(process.url, http)
    async with box.driver() as driver, box.line(bot) as line:
        await driver.data("subscribe", people=[alice], after=cursor)
        hello = await line.view()
        await line.acknowledge(hello["message_id"])
        event = await driver.event()
        assert (event["message"]["message_id"], event["message"]["status"]) == (
            hello["message_id"],
            "READ",
        )
        assert event["cursor"] > cursor
    assert (await box.do("GET", "/people"))["people"][0]["full_name"] == "Alice"
    assert await process.terminate() == 0


async def test_the_keystore_is_nowhere_in_the_file(tmp_path: Path) -> None:
    db = tmp_path / "sandbox.db"
    async with sandbox_here(db=str(db)) as box:
        bot_id = (await box.do("POST", "/bots"))["user_id"]
        secrets = []
        for form, fields in {
            "rsa": ("private_key", "pin", "pin_token"),
            "app": ("session_private_key",),
        }.items():
            document = await box.do("POST", f"/bots/{bot_id}/sessions", {"form": form})
            key = Keystore.load(document).private_key
            assert key is not None
            secrets += [document[field] for field in fields if field != "pin"]
    content = db.read_bytes()
    for secret in secrets:
        for line in secret.split("\r\n"):
            if len(line) > 40 and "PRIVATE KEY" not in line:
                assert line.encode() not in content
                if all(character in "0123456789abcdef" for character in line):
                    assert bytes.fromhex(line) not in content


async def test_an_interrupt_ends_it_cleanly_and_a_second_at_once(tmp_path: Path) -> None:
    process = await Process.start(tmp_path / "a.db")
    process.process.send_signal(signal.SIGINT)
    assert await process.end() == 0

    # A driver that does not answer the close keeps it waiting for the grace.
    process = await Process.start(tmp_path / "b.db")
    reader, writer = await dial_raw(process.url, "/control/socket")
    process.process.send_signal(signal.SIGINT)
    assert (await reader.read(1))[0] == 0x88  # a close frame
    process.process.send_signal(signal.SIGINT)
    assert await process.end() in {130, -signal.SIGINT}
    writer.close()


async def start_fails(**settings: object) -> str:
    with pytest.raises(SandboxError) as caught:
        await Sandbox(SandboxSettings(port=0, **settings)).start()  # type: ignore[arg-type]
    return str(caught.value)


async def test_a_file_that_cannot_be_used_is_told_of(tmp_path: Path) -> None:
    assert "is a directory" in await start_fails(db=str(tmp_path))
    assert "cannot be opened" in await start_fails(db=str(tmp_path / "no" / "folder.db"))

    text_file = tmp_path / "notes.txt"
    text_file.write_text("no database " * 1000)
    assert "is not a database" in await start_fails(db=str(text_file))

    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert "another program" in await start_fails(db=str(foreign))

    newer = tmp_path / "newer.db"
    async with sandbox_here(db=str(newer)):
        assert "another sandbox is using" in await start_fails(db=str(newer))
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "newer version" in await start_fails(db=str(newer))


async def test_a_port_in_use_is_told_of() -> None:
    async with sandbox_here() as box:
        port = int(box.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(SandboxError, match=f"port {port} of 127.0.0.1 is in use"):
            await Sandbox(SandboxSettings(port=port)).start()


def test_a_mistake_on_the_command_line_is_told_of(tmp_path: Path) -> None:
    ended = forked(tmp_path, "sandbox", "--db", str(tmp_path))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "is a directory" in ended.stderr
    ended = forked(tmp_path, "sandbox", "--sync", "later")
    assert (ended.returncode, "'--sync'" in ended.stderr) == (2, True)


async def test_a_full_disk_refuses_what_it_cannot_keep_and_nothing_else(tmp_path: Path) -> None:
    async with sandbox_here(db=str(tmp_path / "sandbox.db")) as box:
        alice, bot = await box.person(), await box.bot()
        where = await box.befriend(alice, bot)
        plain = {
            "conversation_id": where,
            "category": "PLAIN_TEXT",
            "data_base64": text("x"),
        }
        async with box.line(bot) as line, box.driver() as driver:
            hello = await line.view()
            pages = box.pragma("page_count")
            box.pragma(f"max_page_count = {pages}")
            answered: list[str] = []
            error = None
            while error is None:
                message_id = new_id()
                answer = await line.request(CREATE_MESSAGE, plain | {"message_id": message_id})
                if (error := answer.error) is None:
                    answered.append(message_id)
            assert error.code == 500
            message = {"person_id": alice, "conversation_id": where, "text": "x" * 10_000}
            assert (await driver.command("send", messages=[message]))["error"]["code"] == 500
            status, _ = await box.control("POST", f"/people/{alice}/messages", message)
            assert status == 500
            refused, body = await box.rest(
                bot, "POST", "/messages", plain | {"message_id": new_id()}
            )
            assert (refused.status, body["error"]["code"]) == (500, 500)

            box.pragma("max_page_count = 100000")
            answered.append(new_id())
            body_of(await line.request(CREATE_MESSAGE, plain | {"message_id": answered[-1]}))
            assert [one["message_id"] for one in await box.sees(alice)] == [
                hello["message_id"],
                *answered,
            ]


# The database alone


def database(path: Path | None = None) -> Database:
    migration = "CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT;"
    return Database(None if path is None else str(path), sync="normal", migrations=[migration])


async def test_writes_of_one_turn_share_a_commit_and_wait_for_it(tmp_path: Path) -> None:
    db = database(tmp_path / "t.db")
    effects: list[Exception | None] = []
    db.write("INSERT INTO t VALUES (1)")
    db.after_commit(effects.append)
    db.write("INSERT INTO t VALUES (2)")
    assert effects == []
    await db.committed()
    assert effects == [None]
    db.after_commit(effects.append)  # nothing is open: at once
    assert effects == [None, None]
    assert db.read("SELECT count(*) FROM t").fetchone() == (2,)
    db.close()


async def test_an_error_undoes_the_turn_and_everybody_hears_of_it() -> None:
    db = database()
    heard: list[Exception | None] = []
    db.write("INSERT INTO t VALUES (1)")
    db.after_commit(heard.append)
    with pytest.raises(sqlite3.IntegrityError):
        db.write("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="earlier error"):
        db.write("INSERT INTO t VALUES (2)")
    with pytest.raises(sqlite3.IntegrityError):
        await db.committed()
    assert isinstance(heard[0], sqlite3.IntegrityError)
    assert db.read("SELECT count(*) FROM t").fetchone() == (0,)
    db.write("INSERT INTO t VALUES (3)")  # the next turn is a new one
    await db.committed()
    db.close()


def test_the_clocks_are_apart() -> None:
    clocks = Clocks()
    before = clocks.now()
    clocks.move_retention(1e9)
    assert clocks.now() - before >= 10**18
    assert clocks.token_now() - before < 10**12
