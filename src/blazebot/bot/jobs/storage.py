"""Where jobs are kept: what is due when, who runs it, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from blazebot.bot.jobs.schedules import Schedule

KEPT: Final = 30 * 24 * 3600.0
"""Seconds for which it is remembered what became of a job that failed, or that a message asked
for: more than the 7 days in which the service may push that message again [S]."""

Claim = tuple[str, str, int]
"""A job's name and key, and the number of the claim."""


class Terms(NamedTuple):
    """How late a repeated job may run, and how long it is claimed for, in seconds."""

    grace: float
    lease: float


class StoredJob(NamedTuple):
    """A job on disk. Times are in unix seconds; ``data`` is JSON, ``error`` what ended it."""

    name: str
    key: str
    schedule: Schedule | None
    data: str
    due: float
    version: int = 0
    begun: bool = False
    tries: int = 0
    failed_at: float | None = None
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.key}".rstrip()

    @property
    def claim(self) -> Claim:
        """What tells this claim from every other."""
        return self.name, self.key, self.version


class JobStorage(Protocol):
    """Keeps the jobs of one bot, for all processes that run them.

    Raises:
        JobError: from each method; the jobs cannot be read or written.
    """

    # What there is

    async def put(self, job: StoredJob, *, replace: bool, remembered: bool) -> None:
        """Keep a job; it is safe when this returns.

        One with its name and key is replaced, or else left as it is, even if it is over.
        """

    async def declare(self, job: StoredJob) -> None:
        """Keep a job whose schedule stands in the code; if it is the same, so is its time."""

    async def remove(self, name: str, key: str, now: float) -> bool:
        """Let a job not run, or not run again; return whether there was one, or a failed one."""

    async def all(self) -> list[StoredJob]:
        """Return the jobs that are to run, or have failed, by their time."""

    async def unknown(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many jobs there are to run of other names than these, by name."""

    # Running

    async def next_wake(self, names: Iterable[str]) -> float | None:
        """Return when there is next something to do for jobs of these names."""

    async def release(self, now: float) -> None:
        """Give back what an earlier process of this owner had claimed and did not finish."""

    async def claim(
        self,
        terms: Mapping[str, Terms],
        now: float,
        *,
        limit: int,
        running: Collection[Claim],
    ) -> list[StoredJob]:
        """Claim up to ``limit`` jobs that are due.

        ``terms`` are those of the jobs that can run here, by name; ``running`` are those that do,
        whose lease goes on. Returns what is to run, each with the time that it runs for. What was
        missed by more than its grace waits for its next time.
        """

    # What became of a claim; nothing is written where it is no longer ours.

    async def repeat(self, job: StoredJob, due: float) -> None:
        """Let a job that repeats wait for its next time."""

    async def wait(self, job: StoredJob, until: float) -> None:
        """Let a job be run again from ``until`` on; its tries and first failure are kept."""

    async def finish(self, job: StoredJob, now: float, error: str | None = None) -> None:
        """Note that a job is over; it is remembered if it failed, or was to be."""
