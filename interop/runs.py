"""One client's run: its bot is started, and takes each step that the client knows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from blazebot.errors import SandboxError
from blazebot.keys.keystore import save_keystore
from interop.bot_process import AskFailed, BotProcess
from interop.clients import Client
from interop.stage import Scene, Stage, StepFailed
from interop.steps import FURTHER, LOOP, Step, prepare, send

__all__ = ["Result", "run", "steps_of"]

_LOG_SHOWN: Final = 2000

_TOKEN: Final = re.compile(r"Bearer [\w.-]+")
"""Clients print whole requests."""

_STEP_WITHIN: Final = 60.0
"""Seconds for a step, in which several things are waited for."""


@dataclass
class Result:
    """What became of a client. ``version`` is empty where it could not even be started.

    ``steps`` says of each step whether it was done, ``failures`` why not, both of the last of its
    ``attempts``. ``absent`` says why a client was left out that need not be here.
    """

    name: str
    version: str = ""
    steps: dict[str, bool] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    absent: str = ""
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def document(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        if self.absent:
            return {"ok": None, "absent": self.absent}
        document: dict[str, Any] = {"version": self.version, **self.steps, "ok": self.ok}
        if self.attempts > 1:
            document["attempts"] = self.attempts
        if self.failures:
            document["failures"] = self.failures
        return document


def steps_of(client: Client) -> Mapping[str, Step]:
    """Return the steps that a client takes, in order."""
    sends = {f"send {category}": send(category) for category in client.sends}
    every = {**LOOP, **sends, **FURTHER}
    return {name: step for name, step in every.items() if name not in client.lacks}


async def run(client: Client, stage: Stage) -> Result:
    """Let a client take its steps, again where it may; return what became of its last attempt."""
    result = await _attempt(client, stage, 1)
    for number in range(2, client.attempts + 1):
        if result.ok:
            break
        print(f"{client.name}: attempt {number} of {client.attempts}", flush=True)
        result = await _attempt(client, stage, number)
    return result


async def _attempt(client: Client, stage: Stage, number: int) -> Result:
    """Let a client take its steps; whatever fails, the others are tried."""
    result = Result(client.name, attempts=number)
    directory = stage.directory / f"{client.name}-{number}"
    directory.mkdir()
    bot: BotProcess | None = None
    try:
        scene = await _scene(client, stage, directory)
        bot = BotProcess(
            (*client.command, str(directory / "keystore.json")),
            directory=directory,
            environment=stage.environment,
        )
        result.version = await bot.start()
        print(f"{client.name} {result.version}", flush=True)
        for name, step in steps_of(client).items():
            await _take(name, step, scene, bot, result)
    except (AskFailed, SandboxError) as error:
        result.failures["start"] = str(error)
        print(f"{client.name}: {error}", flush=True)
    finally:
        if bot is not None:
            await bot.stop()
    if result.failures and bot is not None and bot.log:
        print("  its bot says:\n" + _TOKEN.sub("Bearer ...", bot.log[-_LOG_SHOWN:]), flush=True)
    return result


async def _scene(client: Client, stage: Stage, directory: Path) -> Scene:
    name = f"Bot on {client.name}"
    bot_id = await stage.control.create_bot(name)
    save_keystore(
        await stage.control.issue_session(bot_id, client.keys), directory / "keystore.json"
    )
    if client.distance:
        await stage.control.add_fault("slow", bot_id=bot_id, times=None, seconds=client.distance)
    scene = Scene(stage, bot_id, name)
    await prepare(scene)
    return scene


async def _take(name: str, step: Step, scene: Scene, bot: BotProcess, result: Result) -> None:
    began = time.monotonic()
    reason = ""
    try:
        async with asyncio.timeout(_STEP_WITHIN):
            await step(scene, bot)
    except TimeoutError:
        reason = f"not done in {_STEP_WITHIN:g} s"
    except (StepFailed, AskFailed, SandboxError) as error:
        reason = str(error)
    except Exception as error:
        # A bot's answer may be of any shape.
        reason = f"{type(error).__name__}: {error}"
    result.steps[name] = not reason
    if reason:
        result.failures[name] = reason
    took = time.monotonic() - began
    print(f"  {name:22} {'FAILED ' + reason if reason else f'ok {took:6.1f} s'}", flush=True)
