"""What a job's function takes, and how it was registered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from blazebot.bot.events import Event
from blazebot.bot.jobs.schedules import Schedule
from blazebot.bot.signatures import place
from blazebot.delivery.message_ids import SentByHandler

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from blazebot.bot.bot import Bot

    D_co = TypeVar("D_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    D_co = TypeVar("D_co", covariant=True)


class Job(Event, Generic[D_co]):
    """One run of a job: ``name``, ``key``, when it was due, and its ``data``.

    ``Job[Reminder]`` reads the data as that type. ``key`` is empty where the schedule stands in
    the code. What is sent meanwhile takes effect once, though the run may begin again.
    """

    __slots__ = ("data", "due", "key", "name")

    sent: SentByHandler

    def __init__(self, bot: Bot, name: str, key: str, due: float, data: D_co) -> None:
        super().__init__(bot, SentByHandler(bot.id, f"{name}|{key}|{due!r}|job"))
        self.name = name
        self.key = key
        self.due = datetime.fromtimestamp(due, UTC)
        self.data: D_co = data

    def __repr__(self) -> str:
        return f"<Job {self.name} {self.key} of {self.due:%Y-%m-%d %H:%M:%S}>"


NextJob: TypeAlias = Callable[[Job[Any]], Awaitable[None]]
"""The second parameter of middleware around jobs: ``await call_next(job)`` runs the job."""


@dataclass(frozen=True, eq=False)
class JobRoute:
    """A job's function, with its name and, where it stands in the code, its schedule.

    ``grace`` and ``timeout`` are in seconds; None takes the settings ``job_grace`` and
    ``handler_timeout``.
    """

    name: str
    handler: Callable[..., Coroutine[Any, Any, None]]
    schedule: Schedule | None
    grace: float | None = None
    timeout: float | None = None

    @property
    def place(self) -> str:
        """The function's name with its file and line, for errors."""
        return place(self.handler)
