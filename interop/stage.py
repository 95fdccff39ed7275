"""The sandbox under the service's own names, and people in it who write to bots."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from blazebot.errors import SandboxError
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess

__all__ = ["Scene", "Stage", "StepFailed", "open_stage"]

_LOOK_AGAIN: Final = 0.05


class StepFailed(Exception):
    """A client did not do what it should, as far as people see."""


class Stage:
    """A running sandbox with its files in ``directory``.

    ``environment`` is what a client needs to trust it. ``within`` so many seconds anything is seen
    that a client should do.
    """

    def __init__(
        self,
        url: str,
        http: aiohttp.ClientSession,
        people: People,
        *,
        directory: Path,
        environment: dict[str, str],
        within: float = 20.0,
    ) -> None:
        self.url = url
        self.http = http
        self.control = Control(http, url)
        self.people = people
        self.directory = directory
        self.environment = environment
        self.within = within

    async def until(self, condition: Callable[[], bool], expected: str) -> None:
        """Wait until people see that ``condition()`` holds.

        Raises:
            StepFailed: it does not; ``expected`` says what should have been seen.
        """
        try:
            await self.people.until(condition, self.within)
        except TimeoutError:
            raise StepFailed(f"not seen in {self.within:g} s: {expected}") from None

    async def until_bot(
        self, bot_id: str, condition: Callable[[dict[str, Any]], bool], expected: str
    ) -> None:
        """Wait until what the sandbox says of a bot is so; raises as :meth:`until`."""
        state: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self.within):
                while not (state and condition(state)):
                    await asyncio.sleep(_LOOK_AGAIN)
                    with contextlib.suppress(SandboxError):  # it is being restarted
                        state = await self.control.bot(bot_id)
        except TimeoutError:
            raise StepFailed(
                f"not so in {self.within:g} s: {expected}; the bot is {state}"
            ) from None

    async def restart(self) -> None:
        """Let the service be gone for a moment, and all lines with it.

        The process stays, and with it the names: without them a client would find the real service.
        """
        await self.control.add_fault("restart", seconds=1.0)


class Scene:
    """One bot on the stage, and the people around it: Alice and Bob know it, Carol does not."""

    def __init__(self, stage: Stage, bot_id: str, bot_name: str) -> None:
        self.stage = stage
        self.bot_id = bot_id
        self.bot_name = bot_name
        self.alice = self.bob = self.carol = ""

    async def fill(self) -> None:
        """Let the people come, and those who know the bot greet it."""
        control, people = self.stage.control, self.stage.people
        names = [f"{name}, who meets {self.bot_name}" for name in ("Alice", "Bob", "Carol")]
        self.alice, self.bob, self.carol = await people.create(names)
        await people.watch([self.alice, self.bob, self.carol])
        for person in (self.alice, self.bob):
            await control.add_friend(person, self.bot_id)

    async def say(self, person: str, *texts: str, **fields: Any) -> None:
        """Let a person write to the bot."""
        to_bot = {"person_id": person, "recipient_id": self.bot_id, **fields}
        await self.stage.people.send([{**to_bot, "text": text} for text in texts])

    def messages(self, person: str, sender: str | None = None) -> list[dict[str, Any]]:
        """Return what a person has from the bot, or from ``sender``, in order."""
        seen = sorted(self.stage.people.seen[person].values(), key=lambda one: int(one["seq"]))
        return [one for one in seen if one["user_id"] == (sender or self.bot_id)]

    def texts(self, person: str) -> list[str]:
        """Return the texts that a person has from the bot, in order."""
        return [one["text"] for one in self.messages(person) if one["text"] is not None]

    async def until_bot(self, condition: Callable[[dict[str, Any]], bool], expected: str) -> None:
        """Wait until what the sandbox says of the bot is so; raises StepFailed."""
        await self.stage.until_bot(self.bot_id, condition, expected)

    async def until_text(self, person: str, text: str) -> None:
        """Wait until a person has a text from the bot; raises StepFailed."""
        await self.stage.until(lambda: text in self.texts(person), f"the text {text!r}")


@asynccontextmanager
async def open_stage(directory: Path) -> AsyncIterator[Stage]:
    """Start a sandbox under the service's own names, with its files in ``directory``.

    Raises:
        SandboxError: it does not start; its log says why, such as that it needs root.
    """
    trust = directory / "authority"
    sandbox = SandboxProcess(
        directory, arguments=("--impersonate", "--apply", "--ca-dir", str(trust))
    )
    await sandbox.start()
    try:
        async with (
            aiohttp.ClientSession() as http,
            People(http, sandbox.url) as people,
        ):
            yield Stage(
                sandbox.url,
                http,
                people,
                directory=directory,
                environment={
                    **os.environ,
                    "NODE_EXTRA_CA_CERTS": str(trust / "authority.pem"),
                    "SSL_CERT_FILE": str(trust / "bundle.pem"),
                    "REQUESTS_CA_BUNDLE": str(trust / "bundle.pem"),
                },
            )
    finally:
        await sandbox.stop()
