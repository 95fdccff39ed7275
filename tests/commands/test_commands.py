"""The commands that work on a sandbox, each run as a user does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process
from blazebot.wire.base64 import decode_base64
from tests.command_line import Program, afresh, forked
from tests.commands.test_terminal import Terminal

PERSON = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
ECHO = Path(__file__).parents[2] / "examples" / "echo.py"


async def blazebot(
    program: Program, folder: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder``."""
    return await asyncio.to_thread(program, folder, *arguments, typed=typed, **environment)


async def test_from_the_readme_to_a_talk(sandbox_url: str, tmp_path: Path) -> None:
    made = await blazebot(afresh, tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox_url)
    assert made.returncode == 0, made.stderr
    keystore = json.loads((tmp_path / "keystore.json").read_text())
    assert (tmp_path / "keystore.json").stat().st_mode & 0o777 == 0o600
    assert f"blazebot talk {keystore['app_id']}" in made.stdout

    again = await blazebot(
        forked, tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox_url
    )
    assert again.returncode == 1
    assert "keystore.json" in again.stderr

    bot = Process(
        [sys.executable, str(ECHO)],  # the README's, which finds keystore.json beside it
        log=tmp_path / "bot.log",
        environment={"BLAZEBOT_SERVER": sandbox_url, "BLAZEBOT_DATA_DIR": str(tmp_path / "data")},
    )
    await bot.start()
    talk = await blazebot(
        afresh, tmp_path, "talk", keystore["app_id"], "--server", sandbox_url, typed="hi there\n"
    )
    await bot.stop()
    assert talk.returncode == 0, talk.stderr
    assert "Echo > hi there" in talk.stdout
    assert "✓✓ read" in talk.stdout


async def test_send_and_download_beside_a_bot(sandbox_url: str, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, People(http, sandbox_url) as people:
        (alice,) = await people.create(["Alice"])
        await people.watch([alice])
        await blazebot(forked, tmp_path, "bot", "Echo", "keystore.json", "--server", sandbox_url)
        bot_id = json.loads((tmp_path / "keystore.json").read_text())["app_id"]
        environment = {"BLAZEBOT_SERVER": sandbox_url, "BLAZEBOT_KEYSTORE": "keystore.json"}

        sent = await blazebot(afresh, tmp_path, "send", alice, "hello 你好", **environment)
        assert sent.returncode == 0, sent.stderr
        (tmp_path / "report.txt").write_bytes(b"all is well\n" * 1000)
        send = ("send", alice, "--file", "report.txt")
        sent = await blazebot(forked, tmp_path, *send, **environment)
        assert (sent.returncode, sent.stderr) == (0, "")
        message_id = sent.stdout.strip()
        await people.until(lambda: message_id in people.seen[alice], 20)
        variables = (f"{name}={value}" for name, value in environment.items())
        command = ("env", "-C", str(tmp_path), *variables, sys.executable, "-m", "blazebot")
        terminal = Terminal(*command, *send)  # where somebody looks, there is a bar
        await asyncio.to_thread(terminal.until, r"Uploading[\s\S]*[0-9a-f]{8}-")
        assert await asyncio.to_thread(terminal.process.wait) == 0
        assert {one["user_id"] for one in people.seen[alice].values()} == {bot_id}
        assert not (await Control(http, sandbox_url).bot(bot_id))["connections"]

        content = json.loads(decode_base64(people.seen[alice][message_id]["data_base64"]))
        assert content["name"] == "report.txt"
        got = await blazebot(
            afresh, tmp_path, "download", content["attachment_id"], "copy.txt", **environment
        )
        assert got.returncode == 0, got.stderr
        assert (tmp_path / "copy.txt").read_bytes() == (tmp_path / "report.txt").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bot", "x", "y.json", "--server", "http://127.0.0.1:1"), "cannot be reached"),
        (("talk", PERSON, "--server", "http://127.0.0.1:1"), "cannot be reached"),
        (("send", PERSON, "hi"), "none.json"),
    ],
)
async def test_mistakes_are_answered_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    ended = await blazebot(forked, tmp_path, *arguments, BLAZEBOT_KEYSTORE="none.json")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
