"""Bots run by ``blazebot run`` in a process of its own, as a user runs them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from blazebot.testing.processes import Process
from tests.wire.world import WITHIN, World

SHARED = """
from blazebot import Bot, Message, Router, Text

router = Router("shared")

@router.on(Text)
async def echo(message: Message[Text]) -> None:
    if message.content.text == "poison":
        raise ValueError("no antidote")
    await message.reply(message.content.text)

def make(name: str) -> Bot:
    bot = Bot(f"{name}.json", max_tries=2, receipt_delay=0.01)
    bot.include(router)
    return bot
"""


class Running:
    """A process with ``blazebot run ARGUMENTS`` in ``folder``, logging JSON."""

    def __init__(self, world: World, folder: Path, *arguments: str, **environment: str) -> None:
        self.process = Process(
            [sys.executable, "-m", "blazebot", "run", *arguments],
            log=folder / "bots.log",
            environment={
                "BLAZEBOT_SERVER": world.sandbox.url,
                "BLAZEBOT_DATA_DIR": str(folder / "data"),
                "BLAZEBOT_LOG_FORMAT": "json",
                **environment,
            },
        )

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What has been logged so far, but for what is no JSON."""
        lines = self.process.log.splitlines(keepends=True)
        return [json.loads(one) for one in lines if one.startswith("{") and one.endswith("\n")]

    async def until(self, words: str, times: int = 1) -> None:
        """Wait until ``words`` have been logged so many times, or the process has ended."""
        async with asyncio.timeout(WITHIN):
            while self.process.log.count(words) < times:
                assert self.process.is_running, self.process.log
                await asyncio.sleep(0.01)

    async def watched_at(self) -> str:
        """The address of the endpoint, once it listens."""
        await self.until("watch at ")
        (line,) = (one for one in self.entries if one["message"].startswith("watch at "))
        address: str = line["message"].removeprefix("watch at ").partition("/metrics")[0]
        return address


async def keystore_of(world: World, name: str, folder: Path) -> str:
    """Make a bot with a session in the sandbox, and its keystore's file; return the bot's id."""
    bot_id = await world.control.create_bot(name)
    write_keystore(folder / f"{name}.json", await world.control.issue_session(bot_id, "app"))
    return bot_id


def write_keystore(path: Path, document: Mapping[str, Any]) -> None:
    """Put a keystore in the place of another, at once."""
    beside = path.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(dict(document)))
    beside.rename(path)


async def fetch(url: str, **headers: str) -> tuple[int, str]:
    """Return the status and the body of what is at ``url``."""
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()
