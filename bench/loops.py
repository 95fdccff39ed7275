"""The event loop of every process here: the fast one where it is installed, for all alike."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


def run(main: Coroutine[None, None, None]) -> None:
    """Run ``main`` to its end."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - an optional extra
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main)
