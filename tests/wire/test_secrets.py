"""Nothing that a full run writes holds a secret: logs at DEBUG, databases, exports, tracebacks."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.keys.issue import FORMS, issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.testing.control import Control
from blazebot.testing.processes import Process, SandboxProcess
from tests.wire.conftest import APP_ID, SESSION_ID
from tests.wire.running import fetch, write_keystore
from tests.wire.secret_search import PUBLIC, SHORT, all_forms, forms, leaks, log_all, secrets_in
from tests.wire.world import WITHIN, World

BOT = Path(__file__).with_name("secretive_bot.py")

SANDBOX_TOKEN = "open-sesame-of-the-control-api"  # noqa: S105
PROXY_PASSWORD = "p:ss/w%rd+of?the=proxy~"  # noqa: S105 - nearly all of it is quoted in an address

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
    chosen = {
        "BLAZEBOT_BUTTON_KEY": "k" * 8 + bot_id,
        "BLAZEBOT_WATCH_TOKEN": "w" * 8 + bot_id,
        "BLAZEBOT_MAILBOX_TOKEN": "m" * 8 + bot_id,
    }
    process = Process(
        [
            *(sys.executable, str(BOT), world.sandbox.url, str(hidden / "keystore.json")),
            *(str(seen / "data"), str(hidden / "learnt.json"), code),
        ],
        log=seen / "bot.log",
        environment={**chosen, "BLAZEBOT_MAILBOX": "true", "CLIENT_SECRET": client_secret},
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
        for given in (chosen["BLAZEBOT_MAILBOX_TOKEN"], chosen["BLAZEBOT_MAILBOX_TOKEN"] + "!"):
            status, words = await fetch(
                f"{address[1]}/mailboxes/{bot_id}/conversations", Authorization=f"Bearer {given}"
            )
            (seen / f"mailbox-{status}.txt").write_text(words)
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
    secrets |= all_forms(client_secret, code, *chosen.values(), SANDBOX_TOKEN, PROXY_PASSWORD)
    assert len(entries) > 10
    assert "Traceback" in process.log
    assert "crash" in process.log
    names = {path.name for path in seen.rglob("*")}
    assert names >= {"spans.jsonl", "sandbox.log", "sandbox.db-wal", "wire.jsonl", "answers.json"}
    assert names >= {"mailbox.db", "mailbox-200.txt", "mailbox-401.txt"}
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

    async def run(name: str, *command: str, ends: int = 0, **settings: str) -> str:
        process = Process(
            [sys.executable, "-m", "blazebot", *command],
            log=tmp_path / "seen" / f"{name}.txt",
            environment={**environment, **settings},
        )
        await process.start()
        assert await process.wait() == ends, process.log
        return process.log

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))  # of HTTP the whole request, of SOCKS a greeting
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    asked: list[bytes] = []
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        address = f"me:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:{port}"
        listed, *_ = await asyncio.gather(
            run("announcements", "announcements", "list", "--json"),
            run("dead-letters", "dead-letters", "list", "--json"),
            run("checked", "keystore", "check", environment["BLAZEBOT_KEYSTORE"]),
            run("by-proxy", "doctor", ends=1, BLAZEBOT_PROXY=f"http://{address}"),
            run("by-socks", "doctor", ends=1, BLAZEBOT_PROXY=f"socks5://{address}"),
        )
    credentials = base64.b64encode(f"me:{PROXY_PASSWORD}".encode())
    assert any(credentials in one for one in asked)
    (line,) = (one for one in listed.splitlines() if one.startswith("{"))
    (announced,) = json.loads(line)["announcements"]
    await run("export", "announcements", "export", announced["id"], "--json")


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


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "hex": lambda raw: raw.hex().encode(),
    "HEX": lambda raw: raw.hex().upper().encode(),
    "quoted": lambda raw: quote(raw, safe="").encode(),
    "base64": base64.b64encode,
    "base64 for addresses": lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_each_secret_however_it_is_written(tmp_path: Path, form: str) -> None:
    document = issue_keystore(form, APP_ID, SESSION_ID).document
    keystore = Keystore.load(document)
    texts = [value for name, value in document.items() if name not in PUBLIC]
    texts = [one.splitlines()[2] if "PRIVATE KEY" in one else one for one in texts if one]
    raws = [text.encode() for text in (*texts, PROXY_PASSWORD)]
    if isinstance(keystore.private_key, Ed25519PrivateKey):
        raws.append(keystore.private_key.private_bytes_raw())
    secrets = secrets_in(document) | all_forms(PROXY_PASSWORD)
    path = tmp_path / "planted.txt"
    for raw in raws:
        for name, write in WRITTEN.items():
            path.write_bytes(b"\x00{'value': '" + write(raw) + b"'}")
            assert leaks(tmp_path, secrets) != [], (name, raw)
        for before in (b"", b"me:", b"you:", b"them:") if len(raw) > SHORT else ():
            path.write_bytes(b"Basic " + base64.b64encode(before + raw + b"\n"))
            assert leaks(tmp_path, secrets) != [], (before, raw)
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
