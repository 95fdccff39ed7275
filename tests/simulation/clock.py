"""An event loop whose time passes only while nobody has anything to do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from unittest.mock import patch

BEGINNING = 1_700_000_000.0
"""Unix seconds at which simulated time begins."""

TURN = 1e-6
"""Seconds that a turn of the loop takes, however little is done in it."""


class Stuck(AssertionError):
    """Nothing will ever happen again, and somebody waits."""


class _Selector:
    """Takes the place of the network: instead of waiting it moves the clock on."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing will ever happen again")
        self._loop.now += timeout + TURN
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks as any loop does, at ``now``, which begins with 0."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0
        self.wall_error = 0.0
        """Seconds by which the clock on the machine's wall is ahead of the service's."""
        self.largest_wall_error = 0.0
        self._selector = _Selector(self)
        self.failures: list[str] = []
        """What went wrong with nobody to be told."""
        self.set_exception_handler(self._note)

    @classmethod
    def running(cls) -> Self:
        """Return the one that runs."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, cls)
        return loop

    def time(self) -> float:
        return self.now

    def set_wall_clock(self, error: float) -> None:
        """Let the clock on the machine's wall be so many seconds ahead of the service's."""
        self.wall_error = error
        self.largest_wall_error = max(self.largest_wall_error, error)

    @property
    def latest(self) -> float:
        """The latest time that the wall clock may have shown by now, in unix seconds."""
        return BEGINNING + self.now + self.largest_wall_error

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do at once what is given to a thread; whoever waits learns of it a little later."""
        done = self.create_future()
        try:
            result = func(*args)
        except Exception as error:
            self.call_later(0.001, _unless_done, done, done.set_exception, error)
        else:
            self.call_later(0.001, _unless_done, done, done.set_result, result)
        return done

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        cause = context.get("exception") or context.get("task")
        self.failures.append(f"{context['message']}: {cause!r}")

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def _unless_done(done: asyncio.Future[Any], tell: Callable[[Any], None], what: Any) -> None:
    if not done.done():
        tell(what)


@contextlib.contextmanager
def simulated_time() -> Iterator[SimulatedLoop]:
    """Yield a loop by which all clocks go meanwhile."""
    loop = SimulatedLoop()
    with (
        patch.object(time, "monotonic", loop.time),
        patch.object(time, "time", lambda: BEGINNING + loop.now + loop.wall_error),
    ):
        try:
            yield loop
        finally:
            loop.close()
