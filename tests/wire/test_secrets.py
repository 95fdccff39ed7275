"""Nothing that a full run writes holds a secret: logs at DEBUG, databases, exports, tracebacks."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot.keys.issue import FORMS, issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.testing.control import Control
from blazebot.testing.processes import Process, SandboxProcess
from tests.wire.conftest import APP_ID, SESSION_ID
from tests.wire.running import fetch, write_keystore
from tests.wire.secret_search import forms, leaks, log_all, secrets_in
from tests.wire.world import WITHIN, World

BOT = Path(__file__).with_name("secretive_bot.py")

SANDBOX_TOKEN = "open-sesame-of-the-control-api"  # noqa: S105

FULLY_WATCHED = "app"
"""The form of keystores with which everything is exported too."""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxProcess]:
    """A sandbox that logs all it can."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    process = SandboxProcess(
        folder,
        environment={
            "PYTHONPATH": log_all(tmp_path / "debug"),
            "BLAZEBOT_SANDBOX_CHECK_SIGNATURES": "true",
            "BLAZEBOT_SANDBOX_TOKEN": SANDBOX_TOKEN,
            "BLAZEBOT_SANDBOX_LOG_FILE": str(folder / "wire.jsonl"),
        },
    )
    await process.start()
    yield process
    await process.stop()


@pytest.mark.parametrize("form", FORMS)
async def test_no_secret_is_written_anywhere(world: World, tmp_path: Path, form: str) -> None:
    hidden, seen = tmp_path / "hidden", tmp_path / "seen"
    hidden.mkdir()
    seen.mkdir()
    bot_id = await world.control.create_bot("Secretive")
    keystore = await world.control.issue_session(bot_id, form)
    write_keystore(hidden / "keystore.json", keystore)
    client_secret = (await world.control.call("POST", f"/bots/{bot_id}/secret"))["client_secret"]
    alice = await world.person()
    authorization = {"bot_id": bot_id, "scope": "PROFILE:READ"}
    code = (await world.control.call("POST", f"/people/{alice}/authorizations", authorization))[
        "code"
    ]
    chosen = {"BLAZEBOT_BUTTON_KEY": "k" * 8 + bot_id, "BLAZEBOT_WATCH_TOKEN": "w" * 8 + bot_id}
    process = Process(
        [
            *(sys.executable, str(BOT), world.sandbox.url, str(hidden / "keystore.json")),
            *(str(seen / "data"), str(hidden / "learnt.json"), code),
        ],
        log=seen / "bot.log",
        environment={**chosen, "CLIENT_SECRET": client_secret},
    )
    await process.start()
    try:
        await world.control.add_friend(alice, bot_id)
        await world.people.send(
            [
                {"person_id": alice, "recipient_id": bot_id, "text": text}
                for text in ("hello", "ask", "announce", "crash", "fail")
            ]
        )

        async with asyncio.timeout(WITHIN):
            while "dead letter" not in process.log:
                assert process.is_running, process.log
                await asyncio.sleep(0.02)
        await world.until(
            lambda: any(one["category"] == "APP_BUTTON_GROUP" for one in world.messages(alice))
        )
        address = re.search(r"watch at (http://\S+?)/metrics", process.log)
        assert address is not None
        authorized = {"Authorization": f"Bearer {chosen['BLAZEBOT_WATCH_TOKEN']}"}
        for path in ("/metrics", "/healthz", "/readyz"):
            _, words = await fetch(address[1] + path, **authorized)
            (seen / f"watch{path.replace('/', '-')}.txt").write_text(words)
        # A session that is refused is told of too, and so is a wrong key.
        await world.control.issue_session(bot_id, form)
        async with asyncio.timeout(WITHIN):
            await process.wait()
    finally:
        await process.stop()
    entries = await ask_everything(world, bot_id, alice, seen)
    if form == FULLY_WATCHED:
        await export_everything(tmp_path)
    for written in (tmp_path / "sandbox").iterdir():
        if written.is_file():
            if written.name.startswith("sandbox.db"):
                assert stat.S_IMODE(written.stat().st_mode) & 0o077 == 0, written
            (seen / written.name).write_bytes(written.read_bytes())

    learnt = json.loads((hidden / "learnt.json").read_text())
    secrets = secrets_in(keystore) | secrets_in(learnt)
    secrets |= {client_secret.encode(), code.encode(), *(one.encode() for one in chosen.values())}
    secrets.add(SANDBOX_TOKEN.encode())
    assert len(secrets) >= 6
    assert len(entries) > 10
    assert "Traceback" in process.log
    assert "crash" in process.log
    names = {path.name for path in seen.rglob("*")}
    assert names >= {"spans.jsonl", "sandbox.log", "sandbox.db-wal", "wire.jsonl", "answers.json"}
    assert b"DEBUG" in (seen / "sandbox.log").read_bytes()
    assert leaks(seen, secrets) == []
    check_keys_of_people(seen)


async def ask_everything(
    world: World, bot_id: str, person: str, seen: Path
) -> list[dict[str, Any]]:
    """Write down what the sandbox answers of itself; return the entries of its wire log."""
    async with aiohttp.ClientSession() as http:
        control = Control(http, world.sandbox.url)
        # A driver may show its token where none is asked for, and a bot by mistake.
        await fetch(f"{world.sandbox.url}/me?token={SANDBOX_TOKEN}")
        await fetch(f"{world.sandbox.url}/control/bots?token={SANDBOX_TOKEN}")
        entries = [entry async for entry in control.log(bot_id=bot_id)]
        everything = [entry async for entry in control.log()]
        paths = ("/openapi.json", "/bots", f"/bots/{bot_id}", "/people", "/clocks", "/faults")
        answers = [await control.call("GET", path) for path in paths]
        for kind in ("authorizations", "relationships"):
            answers.append(await control.call("GET", f"/people/{person}/{kind}"))
    (seen / "answers.json").write_text(json.dumps([everything, answers]))
    return entries


async def export_everything(tmp_path: Path) -> None:
    """Write down what commands show of a bot that has ended: announcements, dead letters."""
    environment = {
        "PYTHONPATH": str(tmp_path / "debug"),
        "BLAZEBOT_KEYSTORE": str(tmp_path / "hidden" / "keystore.json"),
        "BLAZEBOT_DATA_DIR": str(tmp_path / "seen" / "data"),
    }

    async def run(name: str, *command: str) -> str:
        log = tmp_path / "seen" / f"{name}.txt"
        process = Process(
            [sys.executable, "-m", "blazebot", *command], log=log, environment=environment
        )
        await process.start()
        assert await process.wait() == 0, process.log
        return process.log

    listed, _, _ = await asyncio.gather(
        run("announcements", "announcements", "list", "--json"),
        run("dead-letters", "dead-letters", "list", "--json"),
        run("checked", "keystore", "check", environment["BLAZEBOT_KEYSTORE"]),
    )
    (line,) = (one for one in listed.splitlines() if one.startswith("{"))
    await run("export", "announcements", "export", json.loads(line)["id"], "--json")


def check_keys_of_people(seen: Path) -> None:
    """See that the keys of people's sessions are in one table of a private database alone."""
    with closing(sqlite3.connect(seen / "sandbox.db")) as database:
        keys = {bytes(one) for (one,) in database.execute("SELECT private_key FROM session_keys")}
        names = [one for (one,) in database.execute("SELECT name FROM sqlite_schema") if one]
        tables = {one for one in names if not one.startswith(("sqlite_", "session_keys"))}
        rows = []
        for table in tables:
            kind = database.execute("SELECT type FROM sqlite_schema WHERE name = ?", (table,))
            if kind.fetchone() == ("table",):
                rows += database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    assert keys
    assert all(len(key) == 32 for key in keys)
    assert len(rows) > 10
    for path in seen.glob("sandbox.db*"):
        path.unlink()
    values = (one for row in rows for one in row)
    texts = (one if isinstance(one, bytes) else str(one).encode() for one in values)
    (seen / "rows.txt").write_bytes(b"\n".join(texts))
    assert leaks(seen, set().union(*map(forms, keys))) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_each_form_of_each_secret(tmp_path: Path, form: str) -> None:
    secrets = secrets_in(issue_keystore(form, APP_ID, SESSION_ID).document)
    for number, secret in enumerate(secrets):
        path = tmp_path / "planted.txt"
        path.write_bytes(b"\x00{'value': '" + secret + b"'}" + str(number).encode())
        assert leaks(tmp_path, secrets) != [], secret
    path.write_text("nothing of it")
    assert leaks(tmp_path, secrets) == []


def test_the_search_finds_tokens(tmp_path: Path) -> None:
    keystore = Keystore.load(issue_keystore("app", APP_ID, SESSION_ID).document)
    token = sign_token(keystore, "GET", "/me", now=0.0)
    (tmp_path / "log").write_text(f"Authorization: Bearer {token}")
    assert leaks(tmp_path, set()) == ["log: a token"]


def test_no_repr_shows_a_key() -> None:
    for form in FORMS:
        issued = issue_keystore(form, APP_ID, SESSION_ID)
        keystore = Keystore.load(issued.document)
        shown = f"{keystore!r} {keystore} {issued!r} {keystore.private_key!r}".encode()
        assert [one for one in secrets_in(issued.document) if len(one) > 8 and one in shown] == []
