"""Dead letters: on disk, for this user alone, bounded, and handled again on demand."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot.delivery import replays
from blazebot.delivery.dead_letters import DeadLetters
from blazebot.delivery.replays import Replays
from blazebot.wire.messages import MessageView


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dead-letters.db"


@pytest.fixture
def letters(path: Path) -> Iterator[DeadLetters]:
    letters = DeadLetters(path)
    yield letters
    letters.close()


def view(message_id: str, created_at: str = "") -> MessageView:
    return MessageView(
        message_id=message_id,
        conversation_id="c",
        category="PLAIN_TEXT",
        data_base64="aGk",
        created_at=created_at,
    )


def ids(letters: DeadLetters) -> list[str]:
    return [letter.view.message_id for letter in letters.all()]


class Clock:
    """Unix seconds as a test wants them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_what_is_kept_is_whole_and_in_order(letters: DeadLetters) -> None:
    before = time.time()
    letters.add(view("second"), ValueError("bad"), 5)
    letters.add(view("first"), TimeoutError(), 1)
    second, first = letters.all()
    assert (second.view, second.error, second.tries) == (view("second"), "ValueError: bad", 5)
    assert (first.view, first.error, first.tries) == (view("first"), "TimeoutError: ", 1)
    assert before <= second.buried_at <= first.buried_at <= time.time()


def test_it_survives_reopening_and_a_writer_that_never_closed(
    letters: DeadLetters, path: Path
) -> None:
    letters.add(view("one"), ValueError("bad"), 5)
    other = DeadLetters(path)
    assert [letter.view.message_id for letter in other.all()] == ["one"]
    other.close()
    letters.close()
    assert [letter.view.message_id for letter in letters.all()] == ["one"]


def test_a_message_buried_again_is_kept_once(letters: DeadLetters) -> None:
    letters.add(view("one"), ValueError("first"), 5)
    letters.add(view("one"), ValueError("second"), 5)
    assert [letter.error for letter in letters.all()] == ["ValueError: second"]


def test_an_error_may_quote_what_is_no_unicode(letters: DeadLetters) -> None:
    letters.add(view("one"), ValueError("no \ud800 please"), 5)
    assert [letter.error for letter in letters.all()] == [r"ValueError: no \ud800 please"]


def test_only_this_user_reads_its_files(letters: DeadLetters, path: Path) -> None:
    letters.add(view("one"), ValueError("bad"), 5)
    files = list(path.parent.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    path.touch(mode=0o644)
    letters = DeadLetters(path)
    assert letters.all() == []
    letters.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_before_it_is_needed(letters: DeadLetters, path: Path) -> None:
    letters.close()
    assert not path.exists()


def test_what_cannot_be_written_is_an_error(letters: DeadLetters, path: Path) -> None:
    letters.add(view("one"), ValueError("bad"), 5)
    letters.close()
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON dead_letters "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    database.close()
    with pytest.raises(sqlite3.Error, match="disk full"):
        letters.add(view("two"), ValueError("bad"), 5)
    assert [letter.view.message_id for letter in letters.all()] == ["one"]


# Bounds


def test_the_oldest_make_room(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    letters = DeadLetters(path, limit=3, clock=Clock())
    for name in "abcde":
        letters.add(view(name), ValueError(), 1)
    letters.add(view("c"), ValueError("again"), 1)  # it is young again
    letters.add(view("f"), ValueError(), 1)
    assert ids(letters) == ["e", "c", "f"]
    assert len(letters) == 3
    assert "the first is a" in caplog.text
    letters.close()


def test_what_they_hold_is_bounded_but_for_the_newest(path: Path) -> None:
    letters = DeadLetters(path, bytes_limit=1000, clock=Clock())
    for name in ("a", "b"):
        letters.add(view(name), ValueError(), 1)
    huge = view("huge")
    huge.data_base64 = "A" * 2000
    letters.add(huge, ValueError(), 1)
    assert ids(letters) == ["huge"]
    letters.add(view("c"), ValueError(), 1)
    assert ids(letters) == ["c"]
    letters.close()


def test_they_are_kept_for_their_time(path: Path) -> None:
    clock = Clock()
    letters = DeadLetters(path, keep=100, clock=clock)
    letters.add(view("old"), ValueError(), 1)
    clock.now += 60
    letters.add(view("young"), ValueError(), 1)
    letters.expire()
    assert ids(letters) == ["old", "young"]
    clock.now += 60
    letters.expire()
    assert ids(letters) == ["young"]
    letters.close()


# Looked at and handled again


def test_one_is_found_by_its_id(letters: DeadLetters) -> None:
    letters.add(view("one"), ValueError("bad"), 5)
    found = letters.get("one")
    assert found is not None
    assert found.error == "ValueError: bad"
    assert letters.get("two") is None


def test_a_replay_is_asked_for_by_another_process_and_ends_with_the_outcome(
    letters: DeadLetters, path: Path
) -> None:
    for name in ("b", "a", "c", "d"):
        letters.add(view(name, f"2026-01-0{'abcd'.index(name) + 1}T00:00:00Z"), ValueError(), 1)
    assert letters.to_replay() == []
    command = DeadLetters(path)
    command.ask_replay(["a", "b", "d", "nobody"])
    command.drop(["d"])
    assert [one.view.message_id for one in command.all() if one.replay_asked_at] == ["b", "a"]
    command.close()
    assert [one.message_id for one in letters.to_replay()] == ["a", "b"]  # as they were written
    assert [one.message_id for one in letters.to_replay()] == ["a", "b"]  # until they are done with
    assert len(letters) == 3  # d is gone
    letters.handled("a")
    letters.add(view("b"), ValueError("again"), 5)
    assert letters.to_replay() == []
    assert ids(letters) == ["c", "b"]


def test_a_message_that_is_handled_after_all_is_no_dead_letter(
    letters: DeadLetters, path: Path
) -> None:
    letters.add(view("one"), ValueError(), 1)
    letters.close()
    started_again = DeadLetters(path)
    started_again.expire()
    started_again.handled("other")
    started_again.handled("one")
    assert started_again.all() == []
    started_again.close()


def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE dead_letters (message_id TEXT PRIMARY KEY, view TEXT NOT NULL, "
            "error TEXT NOT NULL, tries INTEGER NOT NULL, buried_at REAL NOT NULL) STRICT"
        )
        row = ("one", '{"message_id":"one"}', "ValueError: bad", 5, 1000.5)
        database.execute("INSERT INTO dead_letters VALUES (?, ?, ?, ?, ?)", row)
        database.commit()
    for _ in range(2):
        letters = DeadLetters(path, clock=lambda: 1001.0)
        (one,) = letters.all()
        assert (one.view.message_id, one.error, one.tries) == ("one", "ValueError: bad", 5)
        assert (one.buried_at, one.replay_asked_at) == (1000.5, None)
        letters.ask_replay(["one"])
        letters.add(view("one"), ValueError("bad"), 5)
        letters.drop([])
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT size > 0 FROM dead_letters").fetchall() == [(1,)]
            database.execute("UPDATE dead_letters SET buried_at = 1000.5, tries = 5")
            database.commit()
        letters.close()


class Line:
    """A line that is open or not, and notes when somebody looks."""

    def __init__(self) -> None:
        self.opened = False
        self.looked = asyncio.Event()

    @property
    def is_open(self) -> bool:
        self.looked.set()
        return self.opened

    async def list_pending(self) -> None:
        """Not wanted here."""

    async def reconnect(self) -> None:
        """Not wanted here."""


async def test_replays_wait_for_the_line_and_outlast_a_file_that_cannot_be_read(
    letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "LOOK_EVERY", 0.001)
    replayed: asyncio.Queue[str] = asyncio.Queue()
    failed = asyncio.Event()
    letters.add(view("one"), ValueError(), 1)
    letters.ask_replay(["one"])

    def fail() -> list[MessageView]:
        failed.set()
        raise sqlite3.OperationalError("disk I/O error")

    line = Line()
    running = Replays(letters, line, lambda one: replayed.put_nowait(one.message_id))
    looking = asyncio.create_task(running.run())
    async with asyncio.timeout(5):
        await line.looked.wait()
        line.looked.clear()
        await line.looked.wait()
        assert replayed.empty()
        with monkeypatch.context() as broken:
            broken.setattr(letters, "to_replay", fail)
            line.opened = True
            await failed.wait()
        assert await replayed.get() == "one"
    looking.cancel()


async def test_a_look_makes_no_file(letters: DeadLetters) -> None:
    looking = asyncio.create_task(Replays(letters, Line(), lambda _: None).run())
    await asyncio.sleep(0)
    assert not letters.exists
    looking.cancel()
