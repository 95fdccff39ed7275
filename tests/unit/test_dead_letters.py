"""Dead letters: on disk, for this user alone."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot.delivery.dead_letters import DeadLetters
from blazebot.wire.messages import MessageView


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dead-letters.db"


@pytest.fixture
def letters(path: Path) -> Iterator[DeadLetters]:
    letters = DeadLetters(path)
    yield letters
    letters.close()


def view(message_id: str) -> MessageView:
    return MessageView(
        message_id=message_id, conversation_id="c", category="PLAIN_TEXT", data_base64="aGk"
    )


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
