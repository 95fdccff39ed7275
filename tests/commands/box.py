"""A sandbox with a bot whose keystore is at hand, and the commands beside it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import aiohttp

from blazebot.testing.control import Control, People
from tests.command_line import Program, afresh, forked


@dataclass
class Box:
    """A sandbox with a bot whose keystore is at hand, and the commands beside it."""

    folder: Path
    url: str
    control: Control
    people: People
    http: aiohttp.ClientSession
    bot_id: str = ""
    keystore: dict[str, Any] = field(default_factory=dict)
    program: Program = forked

    @property
    def afresh(self) -> Self:
        """The same, whose commands are started as a user does."""
        return replace(self, program=afresh)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a command one of the bot's."""
        return {
            "BLAZEBOT_SERVER": self.url,
            "BLAZEBOT_KEYSTORE": "keystore.json",
            "BLAZEBOT_DATA_DIR": str(self.folder / "data"),
        }

    async def run(
        self, *arguments: str, typed: str = "", **environment: str
    ) -> tuple[int, str, str]:
        """Run a command as the bot; return its exit code, output and errors."""
        variables = {**self.environment, **environment}
        ended = await asyncio.to_thread(
            self.program, self.folder, *arguments, typed=typed, **variables
        )
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    async def tells(self, *arguments: str) -> Any:
        """Run a command that succeeds; return the JSON that it prints."""
        code, out, err = await self.run(*arguments)
        assert code == 0, err
        return json.loads(out)

    async def checks(self, *arguments: str, **environment: str) -> dict[str, dict[str, str]]:
        """What the doctor finds, by name."""
        code, out, _ = await self.run("doctor", "--json", *arguments, **environment)
        found = json.loads(out)
        assert code == (0 if found["ok"] else 1)
        return {one["name"].partition(" ")[0]: one for one in found["checks"]}
