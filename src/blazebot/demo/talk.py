"""A person talks to a bot of a sandbox, in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.text import Text as Styled

from blazebot.keys.keystore import check_is_new, save_keystore
from blazebot.testing.control import Control, People
from blazebot.wire.messages import DELIVERED, READ, SENT

PERSON: Final = "Alice"

_PATIENCE: Final = 3.0  # seconds for an answer, which a bot need not give
_TICKS: Final = {
    SENT: ("✓ ", "bright_black"),
    DELIVERED: ("✓✓", "bright_black"),
    READ: ("✓✓", "blue"),
}


class Talk:
    """The conversation of one person with a bot."""

    def __init__(
        self, console: Console, control: Control, people: People, *, bot_id: str, bot_name: str
    ) -> None:
        self._console = console
        self._control = control
        self._people = people
        self._bot_id = bot_id
        self._bot_name = bot_name
        self._person_id = ""
        self._shown: set[str] = set()

    async def begin(self, within: float) -> bool:
        """Add the bot as a friend; return whether it answered the Hello."""
        self._person_id = await self._control.create_person(PERSON)
        await self._people.watch([self._person_id])
        await self._control.add_friend(self._person_id, self._bot_id)
        self._console.print(
            f"[dim]{PERSON} adds {self._bot_name} as a friend: the service says Hello[/dim]"
        )
        return await self._exchange(1, 1, within)

    async def say(self, line: str, within: float, *, typed: bool = False) -> bool:
        """Send a line and show what came of it; return whether it was read and answered."""
        before, answers = len(self._of(self._person_id)), len(self._of(self._bot_id))
        await self._people.send(
            [{"person_id": self._person_id, "recipient_id": self._bot_id, "text": line}]
        )
        return await self._exchange(before + 1, answers + 1, within, typed=typed)

    async def with_person(self) -> None:
        """Send each line that is typed, and show what comes back, until the end of input."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        _read_lines(lines)
        while True:
            self._console.print(f"[bold]{PERSON}[/bold] > ", end="")
            line = await lines.get()
            if line is None:
                return
            if line.strip():
                await self.say(line, _PATIENCE, typed=True)

    async def _exchange(
        self, said: int, answers: int, within: float, *, typed: bool = False
    ) -> bool:
        def is_over() -> bool:
            sent = self._of(self._person_id)
            return (
                len(sent) >= said
                and sent[said - 1]["status"] == READ
                and len(self._of(self._bot_id)) >= answers
            )

        try:
            await self._people.until(is_over, within)
        except TimeoutError:
            return False
        finally:
            self._show(typed=typed)
        return True

    def _of(self, user_id: str) -> list[dict[str, Any]]:
        return [one for one in self._messages() if one["user_id"] == user_id]

    def _messages(self) -> list[dict[str, Any]]:
        seen = self._people.seen[self._person_id].values()
        return sorted(seen, key=lambda one: int(one["seq"]))

    def _show(self, *, typed: bool) -> None:
        for message in self._messages():
            if message["message_id"] not in self._shown:
                self._shown.add(message["message_id"])
                self._console.print(self._line(message, typed=typed))

    def _line(self, message: dict[str, Any], *, typed: bool) -> Styled:
        text = message["text"] or f"[{message['category']}]"
        if message["user_id"] == self._bot_id:
            return Styled.assemble(("   " + self._bot_name, "bold green"), " > ", text)
        ticks, colour = _TICKS[message["status"]]
        words = f" {message['status'].lower()}"
        if typed:
            return Styled.assemble(" " * 8, (ticks, colour), (words, "dim"))
        return Styled.assemble((PERSON, "bold"), " > ", text, "  ", (ticks, colour), (words, "dim"))


async def create_bot(server: str, token: str | None, *, name: str, path: Path, keys: str) -> str:
    """Create a bot in the sandbox at ``server``, write its keystore to ``path``; return its id.

    Raises:
        KeystoreError: ``path`` exists or cannot be written.
        SandboxError: the sandbox refused or cannot be reached.
    """
    check_is_new(path)
    async with _sandbox(server, token) as http:
        control = Control(http, server)
        bot_id = await control.create_bot(name)
        document = await control.issue_session(bot_id, keys)
    save_keystore(document, path)
    return bot_id


async def talk_to(server: str, token: str | None, bot_id: str) -> None:
    """Let a person at this terminal talk to a bot of the sandbox at ``server``.

    Raises:
        SandboxError: there is no such bot, or the sandbox cannot be reached.
    """
    console = Console(highlight=False)
    async with _sandbox(server, token) as http:
        control = Control(http, server)
        bot = await control.bot(bot_id)
        if not bot["connected"]:
            console.print("[yellow]the bot is not connected: it will get this when it is[/yellow]")
        async with People(http, server) as people:
            talk = Talk(console, control, people, bot_id=bot_id, bot_name=bot["full_name"])
            await talk.begin(_PATIENCE)
            console.print("[dim]Type a line and press Enter; Ctrl-C ends it.[/dim]\n")
            await talk.with_person()


@asynccontextmanager
async def _sandbox(server: str, token: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield http


def _read_lines(lines: asyncio.Queue[str | None]) -> None:
    # A daemon thread: a blocked read of a terminal can be neither cancelled nor joined.
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
