"""``blazebot demo``: a talk with the echo bot, with a person at a terminal or by itself."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from rich.console import Console

from blazebot.demo.stage import BOT_NAME, Stage
from blazebot.demo.talk import Talk
from blazebot.errors import SandboxError

_SCRIPT: Final = ("Hello, bot!", "你好，世界 🚀", "Three lines are enough.")
_PATIENCE: Final = 20.0  # seconds for an answer
_DEFAULT_PORT: Final = 7777


async def chat(*, keys: str) -> int:
    """Start a sandbox and the echo bot and let a person talk to it; return an exit status.

    Where standard input is no terminal a short conversation is played, printed, and that is all.

    Raises:
        SandboxError: the bot does not answer, or the sandbox does not start.
    """
    try:
        async with Stage(keys=keys, port=_DEFAULT_PORT) as stage:
            await _chat(stage)
    except asyncio.CancelledError:
        pass  # Ctrl-C: that is how it ends
    return 0


async def _chat(stage: Stage) -> None:
    console = Console(highlight=False)
    console.print(f"sandbox and Messenger at {stage.sandbox.url}, bot {BOT_NAME} ({stage.bot_id})")
    talk = Talk(console, stage.control, stage.people, bot_id=stage.bot_id, bot_name=BOT_NAME)
    if not await talk.begin(_PATIENCE):
        raise SandboxError(f"no answer in {_PATIENCE:g} s; the bot's log:\n{stage.bot.log}")
    if sys.stdin.isatty():
        console.print("[dim]Type a line and press Enter; Ctrl-C ends everything.[/dim]\n")
        await talk.with_person()
        return
    for line in _SCRIPT:
        if not await talk.say(line, _PATIENCE):
            raise SandboxError(f"no answer in {_PATIENCE:g} s; the bot's log:\n{stage.bot.log}")
