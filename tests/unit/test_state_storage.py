"""Where states are kept: in memory, within bounds; and in SQLite, on disk when it says so."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blazebot import MemoryStateStorage, StateError, StateStorage
from blazebot.bot.states.sqlite import SqliteStateStorage
from blazebot.bot.states.storage import StateKey

ALICE = StateKey("alice", "one")
ALICE_TOO = StateKey("alice", "two")
BOB = StateKey("bob", "one")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "states.db"


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStateStorage]:
    storage = SqliteStateStorage(path)
    yield storage
    await storage.close()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, sqlite: SqliteStateStorage) -> StateStorage:
    return MemoryStateStorage() if request.param == "memory" else sqlite


async def test_what_is_kept_is_found_by_its_key(storage: StateStorage) -> None:
    assert await storage.load(ALICE) is None
    await storage.save(ALICE, b"1", None)
    await storage.save(BOB, b"2", None)
    await storage.save(ALICE, b"3", None)
    assert [await storage.load(key) for key in (ALICE, ALICE_TOO, BOB)] == [b"3", None, b"2"]


async def test_a_person_is_forgotten_everywhere(storage: StateStorage) -> None:
    for key in (ALICE, ALICE_TOO, BOB):
        await storage.save(key, b"1", None)
    await storage.forget("alice")
    assert [await storage.load(key) for key in (ALICE, ALICE_TOO, BOB)] == [None, None, b"1"]


async def test_memory_is_bounded() -> None:
    storage = MemoryStateStorage(limit=10)
    for key in (ALICE, BOB, ALICE_TOO):
        await storage.save(key, b"1234", None)
    assert [await storage.load(key) for key in (ALICE, ALICE_TOO, BOB)] == [None, b"1234", b"1234"]
    await storage.save(BOB, b"12", None)
    await storage.save(ALICE, b"1234", None)
    assert [await storage.load(key) for key in (ALICE, ALICE_TOO, BOB)] == [
        b"1234",
        b"1234",
        b"12",
    ]


# SQLite


async def test_it_is_on_disk_when_it_says_so(sqlite: SqliteStateStorage, path: Path) -> None:
    await sqlite.save(ALICE, b"1", None)
    other = SqliteStateStorage(path)  # while the first has not been closed
    assert await other.load(ALICE) == b"1"
    await other.close()


async def test_many_at_once_share_a_commit(
    sqlite: SqliteStateStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    commit = SqliteStateStorage._commit

    def counted(self: SqliteStateStorage, writes: list[object]) -> None:
        commits.append(len(writes))
        commit(self, writes)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStateStorage, "_commit", counted)
    keys = [StateKey(str(number), "") for number in range(100)]
    await asyncio.gather(*(sqlite.save(key, b"1", None) for key in keys))
    assert sum(commits) == 100
    assert len(commits) <= 2
    assert [await sqlite.load(key) for key in keys] == [b"1"] * 100


async def test_what_need_not_be_kept_goes(path: Path) -> None:
    storage = SqliteStateStorage(path)
    await storage.save(BOB, b"1", None)
    await storage.save(ALICE, b"1", time.time() - 1)
    await storage.save(ALICE_TOO, b"1", time.time() + 1000)
    await storage.close()
    storage = SqliteStateStorage(path)
    await storage.save(BOB, b"2", None)
    assert [await storage.load(key) for key in (ALICE, ALICE_TOO, BOB)] == [None, b"1", b"2"]
    await storage.close()


async def test_only_this_user_reads_its_files(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT, 0o644))
    storage = SqliteStateStorage(path)
    await storage.save(ALICE, b"1", None)
    files = list(path.parent.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await storage.close()


async def test_who_stops_waiting_stops_nobody_else(sqlite: SqliteStateStorage) -> None:
    first = asyncio.create_task(sqlite.save(ALICE, b"1", None))
    second = asyncio.create_task(sqlite.save(BOB, b"1", None))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    await sqlite.save(ALICE, b"2", None)
    assert await sqlite.load(ALICE) == b"2"


async def test_what_cannot_be_written_is_an_error_and_what_comes_next_is_not(
    sqlite: SqliteStateStorage, path: Path
) -> None:
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TRIGGER full BEFORE INSERT ON states BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(StateError, match=r"states\.db: .*disk full"):
        await sqlite.save(ALICE, b"1", None)
    database.execute("DROP TRIGGER full")
    database.close()
    await sqlite.save(BOB, b"1", None)
    assert [await sqlite.load(key) for key in (ALICE, BOB)] == [None, b"1"]


async def test_what_cannot_be_read_is_an_error(sqlite: SqliteStateStorage, path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE states RENAME TO other")
    database.close()
    with pytest.raises(StateError, match="no such table"):
        await sqlite.load(ALICE)


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(StateError, match=r"states\.db: .*not a database"):
        SqliteStateStorage(path)


def test_a_directory_that_is_not_there(path: Path) -> None:
    with pytest.raises(StateError, match="No such file or directory"):
        SqliteStateStorage(path / "states.db")
