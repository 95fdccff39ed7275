"""A talk with the demo's bot: with a person at a terminal, or a short one by itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from typing import Any, Final

from rich.console import Console
from rich.text import Text as Styled

from blazebot.demo.stage import Stage, free_port
from blazebot.wire.messages import DELIVERED, READ, SENT

_PERSON: Final = "Alice"
_BOT: Final = "Echo"
_SCRIPT: Final = ("Hello, bot!", "你好，世界 🚀", "Three lines are enough.")
_PATIENCE: Final = 20.0  # seconds for an answer
_TICKS: Final = {
    SENT: ("✓ ", "bright_black"),
    DELIVERED: ("✓✓", "bright_black"),
    READ: ("✓✓", "blue"),
}
_DEFAULT_PORT: Final = 7777


async def chat(*, keys: str) -> int:
    """Start a sandbox and the echo bot and let a person talk to it; return an exit status.

    Where standard input is no terminal a short conversation is played, printed, and that is all.
    """
    console = Console(highlight=False)
    async with Stage(keys=keys, port=free_port(_DEFAULT_PORT)) as stage:
        talk = Talk(stage, console)
        if sys.stdin.isatty():
            return await _until_signal(talk.with_person())
        return await _until_signal(talk.by_itself())


class Talk:
    """The conversation of one person with the bot."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage = stage
        self._console = console
        self._person_id = ""
        self._shown: set[str] = set()

    async def by_itself(self) -> int:
        """Play the script, print the transcript, return 0 if all was answered and read."""
        await self._begin()
        for line in _SCRIPT:
            await self._say(line)
        return 0

    async def with_person(self) -> int:
        """Send each line that is typed, and show what comes back, until the end of input."""
        await self._begin()
        self._console.print("[dim]Type a line and press Enter; Ctrl-C ends everything.[/dim]\n")
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        _read_lines(lines)
        while True:
            self._console.print(f"[bold]{_PERSON}[/bold] > ", end="")
            line = await lines.get()
            if line is None:
                return 0
            if line.strip():
                await self._say(line, typed=True)

    async def _begin(self) -> None:
        stage = self._stage
        self._console.print(f"sandbox at {stage.sandbox.url}, bot {_BOT} ({stage.bot_id})")
        self._person_id = await stage.control.create_person(_PERSON)
        await stage.people.watch([self._person_id])
        await stage.control.add_friend(self._person_id, stage.bot_id)
        self._console.print(f"[dim]{_PERSON} adds {_BOT} as a friend: the service says Hello[/dim]")
        await self._show_exchange(1)

    async def _say(self, line: str, *, typed: bool = False) -> None:
        before = len(self._stage.sent_by(self._person_id))
        await self._stage.people.send(
            [{"person_id": self._person_id, "recipient_id": self._stage.bot_id, "text": line}]
        )
        await self._show_exchange(before + 1, typed=typed)

    async def _show_exchange(self, count: int, *, typed: bool = False) -> None:
        stage, person_id = self._stage, self._person_id

        def is_over() -> bool:
            sent = stage.sent_by(person_id)
            return (
                len(sent) >= count
                and sent[count - 1]["status"] == READ
                and len(stage.texts_from_bot(person_id)) >= count
            )

        try:
            await stage.people.until(is_over, within=_PATIENCE)
        except TimeoutError:
            self._console.print(f"[red]no answer from the bot in {_PATIENCE:g} s; its log:[/red]")
            self._console.print(stage.bot.log, markup=False)
            raise SystemExit(1) from None
        self._show(typed=typed)

    def _show(self, *, typed: bool) -> None:
        messages = sorted(
            self._stage.people.seen[self._person_id].values(), key=lambda one: int(one["seq"])
        )
        for message in messages:
            if message["message_id"] not in self._shown:
                self._shown.add(message["message_id"])
                self._console.print(self._line(message, typed=typed))

    def _line(self, message: dict[str, Any], *, typed: bool) -> Styled:
        if message["user_id"] == self._stage.bot_id:
            return Styled.assemble(("   " + _BOT, "bold green"), " > ", message["text"])
        ticks, colour = _TICKS[message["status"]]
        words = f" {message['status'].lower()}"
        if typed:
            return Styled.assemble(" " * 8, (ticks, colour), (words, "dim"))
        return Styled.assemble(
            (_PERSON, "bold"), " > ", message["text"], "  ", (ticks, colour), (words, "dim")
        )


async def _until_signal(talk: Any) -> int:
    task = asyncio.ensure_future(talk)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return int(await task)
    except asyncio.CancelledError:
        return 0


def _read_lines(lines: asyncio.Queue[str | None]) -> None:
    # A daemon thread: a blocked read of a terminal can be neither cancelled nor joined.
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
