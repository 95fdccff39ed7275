"""A bot on a shipped client, in a process of its own, which is asked over its standard input.

Each ask is one line of JSON, ``{"id": 1, "do": "upload", ...}``, and so is each answer:
``{"id": 1, "answer": ...}`` or ``{"id": 1, "error": "why not"}``. The first line of a bot says
which version of its client it runs on.
"""

from __future__ import annotations

import asyncio
import itertools
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["AskFailed", "BotProcess"]

_ANSWER_WITHIN: Final = 20.0
"""Seconds for a bot to start, and to answer: clients try for longer than one request takes."""

_END_WITHIN: Final = 5.0
"""Seconds for a bot to end by itself."""

_LINE_LIMIT: Final = 2**22
"""Bytes of the longest answer that is read."""


class AskFailed(Exception):
    """A bot did not do what it was asked."""


class _Answer(msgspec.Struct):
    id: int
    answer: Any = None
    error: str | None = None


class _Version(msgspec.Struct):
    version: str


class BotProcess:
    """A bot that is started, asked and ended. Whatever it has to say besides goes to ``log``."""

    def __init__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._command = command
        self._directory = directory
        self._environment = dict(environment)
        self._log = directory / "bot.log"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}

    @property
    def log(self) -> str:
        """What it has written besides its answers."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def start(self) -> str:
        """Start it and return the version of its client; it then connects by itself.

        Raises:
            AskFailed: it ended, or does not say its version.
        """
        with self._log.open("ab") as log:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=self._directory,
                    env=self._environment,
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=log,
                    limit=_LINE_LIMIT,
                    start_new_session=True,
                )
            except OSError as error:
                raise AskFailed(f"{self._command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                line = await _output(self._process).readline()
            version = msgspec.json.decode(line, type=_Version).version
        except (TimeoutError, msgspec.MsgspecError):
            raise AskFailed(f"the bot does not start: {self.log.strip()[-500:]}") from None
        self._reader = asyncio.create_task(self._read(_output(self._process)))
        return version

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Let it do something and return its answer.

        Raises:
            AskFailed: it could not, it does not answer, or it has ended.
        """
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise AskFailed("the bot has ended")
        ask_id = next(self._ids)
        answer = self._asked[ask_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                line = msgspec.json.encode({"id": ask_id, "do": do, **arguments})
                process.stdin.write(line + b"\n")
                await process.stdin.drain()
                return await answer
        except TimeoutError:
            raise AskFailed(f"{do}: no answer in {_ANSWER_WITHIN:g} s") from None
        except ConnectionError:
            raise AskFailed("the bot has ended") from None
        finally:
            del self._asked[ask_id]

    async def stop(self) -> None:
        """Close its standard input, at which it ends, and kill it if it does not."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_END_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            try:
                said = msgspec.json.decode(line, type=_Answer)
            except msgspec.MsgspecError:
                continue  # clients print too
            future = self._asked.get(said.id)
            if future is None or future.done():
                continue
            if said.error is None:
                future.set_result(said.answer)
            else:
                future.set_exception(AskFailed(said.error))
        for future in self._asked.values():
            if not future.done():
                future.set_exception(AskFailed("the bot has ended"))


def _output(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    return process.stdout
