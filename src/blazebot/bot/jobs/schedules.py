"""When a job runs again: every so often, or by a cron expression. Pure; times in unix seconds."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

import msgspec

from blazebot.errors import JobError

LEAST: Final = 1.0
"""The shortest interval, in seconds."""

PUNCTUAL: Final = 60.0
"""Seconds by which a run may be late and not be missed: no timer rings at the very moment."""

_FIELDS: Final = 5


class Every(msgspec.Struct, frozen=True, tag="every"):
    """Every so many ``seconds``, counted from the first run."""

    seconds: float

    def __post_init__(self) -> None:
        """Raise ValueError if it is too short; so what is stored of such a job cannot be read."""
        if self.seconds < LEAST:
            raise ValueError(f"every {self.seconds:g} s: it should be {LEAST:g} or more")

    def after(self, moment: float, due: float) -> float:
        """Return the first time after ``moment``; ``due`` is any of the times."""
        found = due + (math.floor((moment - due) / self.seconds) + 1) * self.seconds
        return found if found > moment else found + self.seconds

    def newest(self, due: float, now: float, grace: float) -> float | None:
        """Return the newest time from ``due`` to ``now``, unless it is over ``grace`` ago."""
        found = due + math.floor((now - due) / self.seconds) * self.seconds
        return found if now - found <= grace else None


class Cron(msgspec.Struct, frozen=True, tag="cron"):
    """By a cron ``expression`` in the time zone ``zone``.

    Where clocks go forward, what would fall into the hour that is left out runs right after it;
    where they go back, what falls into the hour that comes twice runs the first time. An
    expression whose minute or hour begins with ``*`` follows the time that passes instead, as in
    Debian's cron.
    """

    expression: str
    zone: str

    def after(self, moment: float, due: float) -> float:
        """Return the first time after ``moment``.

        Raises:
            JobError: there is no such zone here, or none such time.
        """
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where such jobs are

        from cronsim import CronSim, CronSimError  # noqa: PLC0415

        try:
            start = datetime.fromtimestamp(moment, ZoneInfo(self.zone))
            # In the hour that comes twice the first one found may be over already.
            for found in CronSim(self.expression, start):
                if found.timestamp() > moment:
                    return found.timestamp()
        except CronSimError as error:
            raise JobError(
                f"cron: {self.expression!r:.80} is no cron expression: {error}"
            ) from None
        except (OSError, ValueError, KeyError):
            raise JobError(
                f"tz: there is no time zone {self.zone!r:.80} here. It is a name such as "
                "Asia/Shanghai; where the system has none, `pip install tzdata`"
            ) from None
        raise JobError(f"cron: {self.expression!r} never comes")

    def newest(self, due: float, now: float, grace: float) -> float | None:
        """Return the newest time from ``due`` to ``now``, unless it is over ``grace`` ago."""
        found = None
        moment = due if now - due <= grace else self.after(now - grace - 1.0, due)
        while moment <= now:
            found, moment = moment, self.after(moment, due)
        return found if found is not None and now - found <= grace else None


Schedule = Every | Cron


def schedule_of(every: timedelta | None, cron: str | None, tz: str | None) -> Schedule | None:
    """Return the schedule that is asked for: ``every`` so often, by ``cron``, or None: once.

    ``cron`` has five fields (minute, hour, day, month, day of the week), ``tz`` is UTC if None.

    Raises:
        JobError: it is none, it never comes, or there is no such time zone.
    """
    if every is not None and cron is not None:
        raise JobError("every, cron: only one of them")
    if tz is not None and cron is None:
        raise JobError("tz: goes with cron alone")
    if every is not None:
        return _every(every)
    return None if cron is None else _cron(cron, "UTC" if tz is None else tz)


def _every(interval: timedelta) -> Every:
    if not isinstance(interval, timedelta):
        raise JobError(f"every: should be a timedelta, not {interval!r:.80}")
    if interval.total_seconds() < LEAST:
        raise JobError(f"every: is {interval}; it should be a second or more")
    return Every(interval.total_seconds())


def _cron(expression: str, zone: str) -> Cron:
    if not isinstance(expression, str) or len(expression.split()) != _FIELDS:
        raise JobError(
            f"cron: should have five fields (minute, hour, day, month, day of the week) such as "
            f"'0 9 * * MON-FRI', not {expression!r:.80}"
        )
    if not isinstance(zone, str):
        raise JobError(f"tz: should be the name of a time zone, not {zone!r:.80}")
    schedule = Cron(" ".join(expression.split()), zone)
    schedule.after(0, 0)
    return schedule


def due_now(
    schedule: Schedule | None,
    due: float,
    now: float,
    grace: float,
    *,
    begun: bool = False,
    tries: int = 0,
) -> float | None:
    """Return for which time a job runs that was ``due``, or None if it is too late for any.

    What runs once runs however late. Of what repeats and was missed, only the newest run is made
    up for, and that within ``grace`` seconds. A run that was begun goes on as what it was; one that
    has failed ``tries`` times has its tries, of which the policy says how long.
    """
    if schedule is None or tries:
        return due
    grace = max(grace, PUNCTUAL)
    if begun:
        return due if now - due <= grace else None
    return schedule.newest(due, now, grace)
