"""``blazebot run --reload``: the bots in a process of their own, a new one for each change.

The old process ends cleanly before the new one starts, as the session has one live connection.
What the old one has not acknowledged is pushed to the new one, and what is sent twice takes effect
once, so no change costs a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from blazebot.errors import BlazebotError

PATIENCE: Final = 60.0
"""Seconds for the old process to end; then it is killed, and the service pushes again."""

_LOOK_EVERY: Final = 250
"""Milliseconds after which the process is looked at though nothing has changed."""

_FURTHER: Final = (".toml", ".mo")
"""Files beside Python's whose change matters: settings and translations."""


async def run_reloading(command: Sequence[str], folders: Sequence[Path]) -> int:
    """Run ``command`` anew for each change in ``folders``, until SIGINT or SIGTERM.

    Source that is no valid Python is shown, and what runs goes on. Returns the exit status of the
    last process.

    Raises:
        BlazebotError: the extra ``reload`` is missing.
    """
    try:
        from watchfiles import PythonFilter, awatch  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise BlazebotError(
            "--reload needs the extra `reload`: pip install 'blazebot[reload]'"
        ) from None
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    child = _Child(command)
    sources = _Sources()
    changes = awatch(
        *folders,
        watch_filter=PythonFilter(extra_extensions=_FURTHER),
        stop_event=stopping,
        rust_timeout=_LOOK_EVERY,
        yield_on_timeout=True,  # the first time says that all changes from now on are seen
    )
    try:
        async for changed in changes:
            paths = {Path(path) for _, path in changed}
            if not child.was_started or (paths and sources.are_valid(paths)):
                await child.restart(_names(paths))
            child.notice_end()
    finally:
        await child.stop()
    return child.status


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(sorted(path.name for path in paths))


class _Sources:
    """Knows which of the files that have changed are no valid Python."""

    def __init__(self) -> None:
        self._broken: set[Path] = set()

    def are_valid(self, changed: Iterable[Path]) -> bool:
        """Tell whether none is broken, of those that have changed now or were broken before."""
        errors = {path: error for path in self._broken.union(changed) if (error := _error(path))}
        self._broken = set(errors)
        for error in errors.values():
            traceback.print_exception(error, limit=0)
        if errors:
            _say(f"{_names(errors)}: what runs goes on until this is mended")
        return not errors


def _error(path: Path) -> Exception | None:
    if path.suffix != ".py":
        return None
    try:
        compile(path.read_bytes(), str(path), "exec")
    except OSError:
        return None  # it is gone
    except (SyntaxError, ValueError) as error:
        return error
    return None


class _Child:
    """The process that runs the bots. It ends with this one, however this one ends."""

    def __init__(self, command: Sequence[str]) -> None:
        # Nobody writes to the pipe: it ends when this process is gone, killed or not.
        self._pipe, self._held = os.pipe()
        self._command = (*command, "--ends-with", str(self._pipe))
        self._process: Process | None = None
        self._end_is_known = False
        self.status = 0
        """Its exit status, once it has ended."""

    @property
    def was_started(self) -> bool:
        """Whether it runs or ran."""
        return self._process is not None

    async def restart(self, why: str) -> None:
        """End it, if it runs, and start it anew."""
        if self.was_started:
            _say(f"{why} changed: starting again")
        await self.stop()
        self._process = await create_subprocess_exec(*self._command, pass_fds=(self._pipe,))
        self._end_is_known = False

    def notice_end(self) -> None:
        """Say so, once, when it has ended by itself."""
        process = self._process
        if process is not None and process.returncode is not None and not self._end_is_known:
            self._end_is_known = True
            _say(f"the bot has ended with status {process.returncode}: waiting for a change")

    async def stop(self) -> None:
        """Let it end cleanly, and kill it if it does not."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                self.status = await process.wait()
        except TimeoutError:
            _say(f"the bot did not end in {PATIENCE:g} s: killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            self.status = await process.wait()


def _say(words: str) -> None:
    print(f"blazebot: {words}", file=sys.stderr, flush=True)  # noqa: T201
