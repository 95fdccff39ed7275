"""How a command runs: to its end, to a signal, or to an error that is told in one line."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from blazebot.errors import BlazebotError


def run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    """Run a command and exit: with what it returns, 1 for an error of ours, 130 for a signal."""
    try:
        status = asyncio.run(_until_signal(main))
    except BlazebotError as error:
        print(f"blazebot: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    raise typer.Exit(status or 0)


async def _until_signal(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int | None:
    # A command that is ended leaves nothing behind: processes, temporary files.
    task = asyncio.ensure_future(main())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task
