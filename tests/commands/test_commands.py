"""The commands that work on a sandbox, each run as a user does."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process, SandboxProcess
from blazebot.wire.base64 import decode_base64

ECHO = Path(__file__).parents[2] / "examples" / "echo.py"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(tmp_path)
    await process.start()
    yield process
    await process.stop()


async def blazebot(
    folder: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "blazebot", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_from_the_readme_to_a_talk(sandbox: SandboxProcess, tmp_path: Path) -> None:
    made = await blazebot(tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox.url)
    assert made.returncode == 0, made.stderr
    keystore = json.loads((tmp_path / "keystore.json").read_text())
    assert (tmp_path / "keystore.json").stat().st_mode & 0o777 == 0o600
    assert f"blazebot talk {keystore['app_id']}" in made.stdout

    again = await blazebot(tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox.url)
    assert again.returncode == 1
    assert "keystore.json" in again.stderr

    bot = Process(
        [sys.executable, str(ECHO)],  # the README's, which finds keystore.json beside it
        log=tmp_path / "bot.log",
        environment={"BLAZEBOT_SERVER": sandbox.url, "BLAZEBOT_DATA_DIR": str(tmp_path / "data")},
    )
    await bot.start()
    talk = await blazebot(
        tmp_path, "talk", keystore["app_id"], "--server", sandbox.url, typed="hi there\n"
    )
    await bot.stop()
    assert talk.returncode == 0, talk.stderr
    assert "Echo > hi there" in talk.stdout
    assert "✓✓ read" in talk.stdout


async def test_send_and_download_beside_a_bot(sandbox: SandboxProcess, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, People(http, sandbox.url) as people:
        (alice,) = await people.create(["Alice"])
        await people.watch([alice])
        await blazebot(tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox.url)
        bot_id = json.loads((tmp_path / "keystore.json").read_text())["app_id"]
        environment = {"BLAZEBOT_SERVER": sandbox.url, "BLAZEBOT_KEYSTORE": "keystore.json"}

        sent = await blazebot(tmp_path, "send", alice, "hello 你好", **environment)
        assert sent.returncode == 0, sent.stderr
        (tmp_path / "report.txt").write_bytes(b"all is well\n" * 1000)
        sent = await blazebot(tmp_path, "send", alice, "--file", "report.txt", **environment)
        assert sent.returncode == 0, sent.stderr
        message_id = sent.stdout.strip()
        assert "Uploading" in sent.stderr
        await people.until(lambda: message_id in people.seen[alice], 20)
        assert {one["user_id"] for one in people.seen[alice].values()} == {bot_id}
        assert not (await Control(http, sandbox.url).bot(bot_id))["connections"]

        content = json.loads(decode_base64(people.seen[alice][message_id]["data_base64"]))
        assert content["name"] == "report.txt"
        got = await blazebot(
            tmp_path, "download", content["attachment_id"], "copy.txt", **environment
        )
        assert got.returncode == 0, got.stderr
        assert (tmp_path / "copy.txt").read_bytes() == (tmp_path / "report.txt").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("send", "nobody", "hi"), "a UUID"),
        (("send", "82d20bc7-9a97-4a69-bcd0-4da502374f6c"), "give either what to send"),
        (("bot", "x", "y.json", "--server", "http://127.0.0.1:1"), "cannot be reached"),
        (("talk", "x", "--server", "http://127.0.0.1:1"), "cannot be reached"),
        (("sandbox", "--sync", "perhaps"), "sync"),
    ],
)
async def test_mistakes_are_answered_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    ended = await blazebot(tmp_path, *arguments, BLAZEBOT_KEYSTORE="none.json")
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
