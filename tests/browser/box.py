"""What tests of the page do beside it: by the control API, and with bots in the test's own loop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from blazebot import Bot
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess


class Box:
    """A sandbox with people and bots; ``url`` is the page's address."""

    def __init__(self, sandbox: SandboxProcess, control: Control, directory: Path) -> None:
        self.sandbox = sandbox
        self.control = control
        self._directory = directory

    @property
    def url(self) -> str:
        return self.sandbox.url

    def messenger(self, person: str, conversation: str = "") -> str:
        """The address of a person's Messenger, or of a conversation in it."""
        return f"{self.url}#/messenger/{person}/{conversation}".rstrip("/")

    async def person(self, name: str = "Alice", *friends: str) -> str:
        """Create a person with these bots as friends; return the id."""
        created = await self.control.call("POST", "/people", {"full_name": name})
        for bot in friends:
            await self.befriend(created["user_id"], bot)
        return str(created["user_id"])

    async def bot(self, name: str = "Echo") -> str:
        """Create a bot and return its id."""
        return await self.control.create_bot(name)

    async def befriend(self, person: str, bot: str) -> str:
        """Let a person add a bot; return the conversation's id."""
        answer = await self.control.call("POST", f"/people/{person}/friends", {"user_id": bot})
        return str(answer["conversation_id"])

    async def send(self, person: str, **message: Any) -> dict[str, Any]:
        """Let a person send a message, as POST /people/PERSON/messages takes it."""
        sent: dict[str, Any] = await self.control.call(
            "POST", f"/people/{person}/messages", message
        )
        return sent

    async def program(self, bot_id: str, **settings: Any) -> Bot:
        """Return a bot's program with a new session, to be given handlers and run."""
        keystore = await self.control.issue_session(bot_id, "app")
        return Bot(
            json.dumps(keystore),
            server=self.url,
            data_dir=str(self._directory / "data"),
            receipt_delay=0.01,
            **settings,
        )


@asynccontextmanager
async def running_box(directory: Path) -> AsyncIterator[Box]:
    """Run a sandbox whose files are in ``directory``."""
    sandbox = SandboxProcess(directory)
    await sandbox.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield Box(sandbox, Control(http, sandbox.url), directory)
    finally:
        await sandbox.kill()  # nothing of it is looked at any more
