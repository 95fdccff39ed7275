"""Nothing that a full run writes holds a secret: logs at DEBUG, databases, metrics, tracebacks."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot.errors import KeystoreError
from blazebot.keys.issue import FORMS
from blazebot.keys.keystore import Keystore
from blazebot.testing.control import Control
from blazebot.testing.processes import Process
from tests.wire.running import fetch, write_keystore
from tests.wire.world import WITHIN, World

BOT = Path(__file__).with_name("secretive_bot.py")

PUBLIC = {
    *("app_id", "client_id", "session_id", "server_public_key", "scope", "authorization_id"),
    "ed25519",  # the key by which answers are checked
}
"""Fields of keystores and authorizations that are no secrets."""

TOKEN = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
"""A JSON web token."""


def secrets_in(document: Mapping[str, Any]) -> set[bytes]:
    """What must be nowhere else, in every form that it could have: text, raw, hex, base64."""
    found: set[bytes] = set()
    for name, value in document.items():
        if name in PUBLIC or not value:
            continue
        if "PRIVATE KEY" in value:
            found |= {line.encode() for line in value.split() if len(line) >= 60}
            continue
        found.add(value.encode())
    try:
        key = Keystore.load(document).private_key
    except KeystoreError:  # an authorization with an access token has no key
        return found
    if hasattr(key, "private_bytes_raw"):
        raw = key.private_bytes_raw()
        found |= {
            raw,
            raw.hex().encode(),
            base64.b64encode(raw).rstrip(b"="),
            base64.urlsafe_b64encode(raw).rstrip(b"="),
        }
    return found


def leaks(folder: Path, secrets: set[bytes]) -> list[str]:
    """Files below ``folder`` that hold a secret or a token."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        # A PIN of six digits occurs by chance in any number, so it counts as a word only.
        for secret in secrets:
            if len(secret) > 8:
                leaked = secret in data
            else:
                leaked = (
                    re.search(rb"(?<![\w.-])%b(?![\w.-])" % re.escape(secret), data) is not None
                )
            if leaked:
                found.append(f"{path.name}: {secret[:4]!r}...")
        if TOKEN.search(data):
            found.append(f"{path.name}: a token")
    return found


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
                for text in ("hello", "ask", "fail")
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
    async with aiohttp.ClientSession() as http:
        control = Control(http, world.sandbox.url)
        entries = [entry async for entry in control.log(bot_id=bot_id)]
    (seen / "wire.log").write_text(json.dumps(entries))
    for database in ("sandbox.log", "sandbox.db", "sandbox.db-wal"):
        (seen / database).write_bytes((tmp_path / database).read_bytes())

    learnt = json.loads((hidden / "learnt.json").read_text())
    secrets = secrets_in(keystore) | secrets_in(learnt)
    secrets |= {client_secret.encode(), code.encode(), *(one.encode() for one in chosen.values())}
    assert len(secrets) >= 6
    assert len(entries) > 10
    assert leaks(seen, secrets) == []

    # The search itself: what is written does turn up.
    (seen / "traceback.txt").write_bytes(b"value=" + max(secrets_in(keystore)))
    assert leaks(seen, secrets) != []
