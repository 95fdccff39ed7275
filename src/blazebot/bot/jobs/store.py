"""Jobs on disk, in SQLite: what is due when, who runs it, and what became of it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from blazebot.bot.jobs.schedules import Schedule, due_now
from blazebot.bot.jobs.storage import KEPT, Claim, StoredJob, Terms
from blazebot.errors import JobError

logger = logging.getLogger("blazebot.bot")

_BUSY: Final = 5.0  # seconds to wait for another process that writes

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT NOT NULL,
    key TEXT NOT NULL,        -- empty: its schedule stands in the code
    schedule TEXT,            -- null: it runs once
    data TEXT NOT NULL,
    due REAL NOT NULL,
    wake REAL,                -- due, or its next try, or the end of its lease; null: it is over
    owner TEXT,               -- who runs it
    version INTEGER NOT NULL, -- counts claims, so that who lost one cannot write
    begun INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    failed_at REAL,           -- its first failure
    error TEXT,
    remembered INTEGER NOT NULL,
    over_at REAL,
    PRIMARY KEY (name, key)
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_wake ON jobs (wake) WHERE wake IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_over ON jobs (over_at) WHERE over_at IS NOT NULL;
"""

_COLUMNS: Final = "name, key, schedule, data, due, version, begun, tries, failed_at, error"


class _Database(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            raise JobError(
                f"the jobs on disk cannot be read or written: {error}. See to the disk of data_dir"
            ) from error


class JobStore:
    """The jobs of one bot, in the file at ``path``, for all processes that have it.

    ``owner`` is who claims jobs here: no two that live at once are called the same. The file is
    opened when first needed.

    Raises:
        JobError: from each method; the file cannot be read or written, or is none of jobs.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner

    @cached_property
    def _database(self) -> _Database:
        # Before SQLite makes its other files, which take this one's mode.
        self._path.touch(mode=0o600)
        database = _Database(self._path, timeout=_BUSY, isolation_level=None)
        try:
            database.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")
            database.execute("PRAGMA synchronous = FULL")  # a job is a promise
        except sqlite3.Error as error:
            database.close()
            raise JobError(
                f"{self._path} cannot be used: {error}. If it is damaged, move it away to begin "
                "without its jobs"
            ) from None
        return database

    def close(self) -> None:
        """Close the file."""
        if "_database" in vars(self):
            self._database.close()

    # What there is

    async def put(self, job: StoredJob, *, replace: bool, remembered: bool) -> None:
        """Keep a job; it is on disk when this returns.

        One with its name and key is replaced, or else left as it is, even if it is over.
        """
        self._put(job, replace=replace, remembered=remembered)

    def _put(self, job: StoredJob, *, replace: bool, remembered: bool) -> None:
        self._database.execute(
            f"INSERT OR {'REPLACE' if replace else 'IGNORE'} INTO jobs"  # noqa: S608 - two words
            " (name, key, schedule, data, due, wake, version, begun, tries, remembered)"
            " VALUES (?, ?, ?, ?, ?, ?,"
            "  coalesce((SELECT version FROM jobs WHERE name = ?1 AND key = ?2), 0) + 1, 0, 0, ?)",
            (*_written(job), job.due, remembered),
        )

    async def declare(self, job: StoredJob) -> None:
        """Keep a job whose schedule stands in the code; if it is the same, so is its time."""
        with self._transaction() as database:
            found = database.execute(
                "SELECT schedule FROM jobs WHERE name = ? AND key = ?", (job.name, job.key)
            ).fetchone()
            if found is None or found[0] != _written(job)[2]:
                self._put(job, replace=True, remembered=False)

    async def remove(self, name: str, key: str, now: float) -> bool:
        """Let a job not run, or not run again; return whether there was one, or a failed one."""
        with self._transaction() as database:
            removed = database.execute(
                "UPDATE jobs SET wake = NULL, owner = NULL, error = NULL, over_at = ?,"
                " version = version + 1 WHERE name = ? AND key = ?"
                " AND (wake IS NOT NULL OR error IS NOT NULL)",
                (now, name, key),
            )
            self._forget(now)
        return removed.rowcount > 0

    async def all(self) -> list[StoredJob]:
        """Return the jobs that are to run, or have failed, by their time."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM jobs WHERE wake IS NOT NULL OR error IS NOT NULL"  # noqa: S608 - our own words
            " ORDER BY due, name, key"
        )
        return [_read(row) for row in rows]

    async def unknown(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many jobs there are to run of other names than these, by name."""
        return dict(
            self._database.execute(
                "SELECT name, count(*) FROM jobs WHERE wake IS NOT NULL"
                " AND name NOT IN (SELECT value FROM json_each(?)) GROUP BY name",
                (_names(names),),
            ).fetchall()
        )

    # Running

    async def next_wake(self, names: Iterable[str]) -> float | None:
        """Return when there is next something to do for jobs of these names."""
        row = self._database.execute(
            "SELECT wake FROM jobs INDEXED BY jobs_wake WHERE wake IS NOT NULL"
            " AND name IN (SELECT value FROM json_each(?)) ORDER BY wake LIMIT 1",
            (_names(names),),
        ).fetchone()
        found: float | None = None if row is None else row[0]
        return found

    async def release(self, now: float) -> None:
        """Give back what an earlier process of this owner had claimed and did not finish."""
        self._database.execute(
            "UPDATE jobs SET wake = ?, owner = NULL WHERE owner = ?", (now, self._owner)
        )

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
        with self._transaction() as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM jobs INDEXED BY jobs_wake WHERE wake <= ?"  # noqa: S608 - our own words
                " AND name IN (SELECT value FROM json_each(?)) ORDER BY wake LIMIT ?",
                (now, _names(terms), limit + len(running)),
            ).fetchall()
            claimed: list[StoredJob] = []
            for job in map(_read, rows):
                grace, lease = terms[job.name]
                if job.claim in running:
                    self._write(job, wake=now + lease)
                elif len(claimed) < limit:
                    due = self._due(job, grace, now)
                    if due is not None:
                        claimed.append(self._take(job, due, now + lease))
        return claimed

    def _due(self, job: StoredJob, grace: float, now: float) -> float | None:
        try:
            due = due_now(job.schedule, job.due, now, grace, begun=job.begun, tries=job.tries)
            if due is None and job.schedule is not None:
                logger.warning("job %s was missed, and it is too late now; see job_grace", job)
                self._repeat(job, job.schedule.after(now, job.due))
        except JobError as error:  # the time zones of this machine have changed, say
            logger.error("job %s can run no more: %s", job, error)
            self._finish(job, now, str(error))
            return None
        return due

    def _take(self, job: StoredJob, due: float, until: float) -> StoredJob:
        mine = job._replace(due=due, version=job.version + 1)
        self._write(job, due=due, wake=until, owner=self._owner, version=mine.version, begun=1)
        return mine

    # What became of a claim; nothing is written where it is no longer ours.

    async def repeat(self, job: StoredJob, due: float) -> None:
        """Let a job that repeats wait for its next time."""
        self._repeat(job, due)

    def _repeat(self, job: StoredJob, due: float) -> None:
        self._write(job, due=due, wake=due, owner=None, begun=0, tries=0, failed_at=None)

    async def wait(self, job: StoredJob, until: float) -> None:
        """Let a job be run again from ``until`` on; its tries and first failure are kept."""
        self._write(job, wake=until, owner=None, tries=job.tries, failed_at=job.failed_at)

    async def finish(self, job: StoredJob, now: float, error: str | None = None) -> None:
        """Note that a job is over; it is remembered if it failed, or was to be."""
        with self._transaction():
            self._finish(job, now, error)
            self._forget(now)

    def _finish(self, job: StoredJob, now: float, error: str | None) -> None:
        self._write(job, wake=None, owner=None, error=error, over_at=now)

    def _forget(self, now: float) -> None:
        self._database.execute(
            "DELETE FROM jobs WHERE over_at < ?"
            " OR (over_at = ? AND error IS NULL AND NOT remembered)",
            (now - KEPT, now),
        )

    def _write(self, job: StoredJob, **columns: float | str | None) -> None:
        changes = ", ".join(f"{name} = ?" for name in columns)
        self._database.execute(
            f"UPDATE jobs SET {changes} WHERE name = ? AND key = ? AND version = ?",  # noqa: S608 - our own words
            (*columns.values(), job.name, job.key, job.version),
        )

    @contextmanager
    def _transaction(self) -> Iterator[_Database]:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")


def _written(job: StoredJob) -> tuple[str, str, str | None, str, float]:
    schedule = None if job.schedule is None else msgspec.json.encode(job.schedule).decode()
    return job.name, job.key, schedule, job.data, job.due


def _read(row: Sequence[Any]) -> StoredJob:
    name, key, schedule, data, due, version, begun, tries, failed_at, error = row
    read = None if schedule is None else msgspec.json.decode(schedule, type=Schedule)
    return StoredJob(name, key, read, data, due, version, bool(begun), tries, failed_at, error)


def _names(names: Iterable[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
