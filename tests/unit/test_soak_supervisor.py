"""What a soak's supervisor takes for an end or an alarm that nothing explains."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from blazebot.testing.processes import Process
from soak import supervisor as module
from soak.supervisor import Supervisor
from soak.world import SANDBOX, World

KILL, TERM = frozenset({signal.SIGKILL}), frozenset({signal.SIGTERM})


@pytest.mark.parametrize(
    ("status", "signals", "foreseen"),
    [
        (-signal.SIGKILL, KILL, True),
        (-signal.SIGKILL, TERM, False),  # something else has killed it, as for want of memory
        (-signal.SIGSEGV, KILL, False),
        (0, TERM, True),
        (3, TERM, True),
        (1, TERM, False),
        (0, frozenset(), False),
        (3, frozenset(), False),
    ],
)
def test_how_a_bot_may_end(
    tmp_path: Path, status: int, signals: frozenset[int], *, foreseen: bool
) -> None:
    assert World(tmp_path).may_end("bot", status, signals) is foreseen


def test_a_full_disk_ends_bots_and_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    assert not world.may_end("bot", 1, frozenset())
    monkeypatch.setattr(type(world.disk), "was_full_lately", True)
    assert world.may_end("bot", 1, frozenset())
    assert not world.may_end(SANDBOX, 1, frozenset())


class _Bot:
    """Control of a sandbox that only says that the bot has no line."""

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"connected": False}


@asynccontextmanager
async def supervised(process: Process) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(
        {"bot": process},
        (),
        _Bot(),  # type: ignore[arg-type]
        "the bot",
        patience=0.05,
        is_foreseen=lambda _, status, signals: -status in signals,
    )
    await process.start()
    running = asyncio.create_task(supervisor.run())
    try:
        async with asyncio.timeout(10):
            yield supervisor
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await process.kill()


async def test_an_end_by_itself_is_unforeseen_and_one_by_a_signal_is_not(tmp_path: Path) -> None:
    sleeping = Process([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")
    async with supervised(sleeping) as supervisor:
        pid = sleeping.pid
        supervisor.signal("bot", signal.SIGKILL)
        await supervisor.replaced("bot", pid, 10)
        assert supervisor.unforeseen == []
        sleeping.send_signal(signal.SIGKILL)
        while not supervisor.unforeseen:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    assert supervisor.unforeseen == ["bot ended by itself with -9"]
    assert supervisor.ends["bot"][-9] == 2


@pytest.mark.parametrize("calm", [True, False])
async def test_no_line_while_nothing_is_broken_is_unforeseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, calm: bool
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.05)
    sleeping = Process([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")
    async with supervised(sleeping) as supervisor:
        supervisor.calm_since = time.monotonic() - 60 if calm else None
        while not supervisor.alarms:  # noqa: ASYNC110 - another task
            await asyncio.sleep(0.01)
    assert bool(supervisor.unforeseen) is calm
