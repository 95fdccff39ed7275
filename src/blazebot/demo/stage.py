"""What the demo plays on: a sandbox and a bot as processes of their own, in a temporary folder."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from blazebot.errors import SandboxError
from blazebot.keys.issue import FORMS
from blazebot.keys.keystore import save_keystore
from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process, SandboxProcess

BOT_NAME: Final = "Echo"
ECHO_BOT: Final = (sys.executable, "-m", "blazebot.demo.echo")


class Stage:
    """A sandbox with one bot whose keystore is of the form ``keys``.

    Where ``port`` is in use, the sandbox takes any free one. ``bot_command`` runs the bot; its
    keystore and the sandbox's address come to it in the environment, beside ``bot_environment``.
    """

    def __init__(
        self,
        *,
        keys: str,
        port: int = 0,
        bot_command: Sequence[str] = ECHO_BOT,
        bot_environment: dict[str, str] | None = None,
    ) -> None:
        if keys not in FORMS:
            raise SandboxError(f"there are no keys of the form {keys!r}: take {', '.join(FORMS)}")
        self._keys = keys
        self._port = port
        self._bot_command = bot_command
        self._bot_environment = bot_environment or {}
        self._leaving = AsyncExitStack()
        self.sandbox: SandboxProcess
        self.bot: Process
        self.control: Control
        self.people: People
        self.bot_id = ""

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except BaseException:
            await self._leaving.aclose()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._leaving.aclose()

    async def _enter(self) -> None:
        leaving = self._leaving
        directory = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix="blazebot-")))
        self.sandbox = SandboxProcess(directory, port=self._port)
        leaving.push_async_callback(self.sandbox.stop)
        await self._start_sandbox()

        http = await leaving.enter_async_context(aiohttp.ClientSession())
        self.control = Control(http, self.sandbox.url)
        self.bot_id = await self.control.create_bot(BOT_NAME)
        keystore = await self.control.issue_session(self.bot_id, self._keys)
        self.people = await leaving.enter_async_context(People(http, self.sandbox.url))

        keystore_path = directory / "keystore.json"
        save_keystore(keystore, keystore_path)
        self.bot = Process(
            self._bot_command,
            log=directory / "bot.log",
            environment={
                "BLAZEBOT_KEYSTORE": str(keystore_path),
                "BLAZEBOT_SERVER": self.sandbox.url,
                "BLAZEBOT_DATA_DIR": str(directory / "bot"),
                **self._bot_environment,
            },
        )
        leaving.push_async_callback(self.bot.stop)
        await self.bot.start()

    async def _start_sandbox(self) -> None:
        try:
            await self.sandbox.start()
        except SandboxError:
            if not self._port:
                raise
            self.sandbox.port = 0  # only its own try tells for sure that a port is free
            await self.sandbox.start()

    def texts_from_bot(self, person_id: str) -> list[str]:
        """Return the texts that a person has from the bot, in the order of the conversation."""
        messages = sorted(self.people.seen[person_id].values(), key=lambda one: int(one["seq"]))
        return [one["text"] for one in messages if one["user_id"] == self.bot_id]

    def sent_by(self, person_id: str) -> list[dict[str, Any]]:
        """Return what a person has sent, in order, as the person sees it."""
        messages = sorted(self.people.seen[person_id].values(), key=lambda one: int(one["seq"]))
        return [one for one in messages if one["user_id"] == person_id]
