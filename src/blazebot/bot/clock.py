"""The time that a bot goes by: the system's, unless a test moves it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Clock:
    """Wall-clock time in unix seconds, and alarms that follow it when it is moved."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._alarms: set[Alarm] = set()

    def now(self) -> float:
        """Return what it shows."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Return seconds that pass evenly, for how long ago something was; from no certain moment.

        Setting the system's clock does not touch them, moving this one does.
        """
        return time.monotonic() + self._offset

    def move(self, offset: float) -> None:
        """Show ``offset`` seconds more than the system's clock. For tests."""
        self._offset = offset
        for alarm in tuple(self._alarms):
            alarm.wind()

    def call_at(self, moment: float, callback: Callable[[], None]) -> Alarm:
        """Have ``callback`` called in the running loop, once, when ``moment`` has come."""
        alarm = Alarm(self, moment, callback)
        self._alarms.add(alarm)
        alarm.wind()
        return alarm

    def forget(self, alarm: Alarm) -> None:
        """Let an alarm follow no longer."""
        self._alarms.discard(alarm)


class Alarm:
    """A call that is to come; see :meth:`Clock.call_at`."""

    def __init__(self, clock: Clock, moment: float, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._moment = moment
        self._callback = callback
        self._timer: asyncio.TimerHandle | None = None

    def wind(self) -> None:
        """Set the timer by what the clock shows now."""
        self._stop()
        delay = max(0.0, self._moment - self._clock.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def cancel(self) -> None:
        """Do not call."""
        self._stop()
        self._clock.forget(self)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        if self._clock.now() < self._moment:  # the system's clock was set back, or ran slower
            self.wind()
        else:
            self.cancel()
            self._callback()
