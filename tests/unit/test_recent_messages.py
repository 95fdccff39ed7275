"""What is remembered of messages is what the database would have said."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.sandbox.storage import recent_messages
from blazebot.sandbox.storage.recent_messages import RecentMessages
from blazebot.sandbox.storage.rows import StoredMessage

# Which of ten messages is written, and how much it holds; None: all is undone.
WRITES = st.lists(
    st.none() | st.tuples(st.integers(0, 9), st.sampled_from((0, 1, 3, 20))), max_size=60
)


def message(number: int, size: int, change: int) -> StoredMessage:
    name = str(number)
    ids = (name, "where", "who", "session", "PLAIN_TEXT")
    return StoredMessage(number, *ids, b"x" * size, "", "", 0, 0, 0, 0, 0, change)


class Oracle:
    """Keeps everything."""

    def __init__(self) -> None:
        self.messages: dict[str, StoredMessage] = {}

    def after(self, position: int) -> list[StoredMessage]:
        changed = sorted(self.messages.values(), key=lambda one: one.changed)
        return [one for one in changed if one.changed > position]


def write(writes: Sequence[tuple[int, int] | None]) -> tuple[RecentMessages, Oracle]:
    recent, oracle, changes = RecentMessages(100), Oracle(), itertools.count(101)
    for one in writes:
        if one is None:
            recent.clear()
            continue
        written = message(*one, change=next(changes))
        recent.put(written)
        oracle.messages[written.message_id] = written
    return recent, oracle


@given(writes=WRITES)
def test_it_says_what_the_database_would(writes: list[tuple[int, int] | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent_messages, "_MOST", 4)
        patch.setattr(recent_messages, "_BYTES_MOST", 30)
        recent, oracle = write(writes)
    for position in range(recent.since, 170):
        assert list(recent.after(position)) == oracle.after(position)
    held = list(recent.after(recent.since))
    assert len(held) <= 4
    assert sum(len(one.data) for one in held) <= 30
    for number in range(10):
        found = recent.find(str(number))
        assert found is None or found == oracle.messages[str(number)]
        assert (found is None) == (found not in held)


def test_what_was_undone_is_forgotten() -> None:
    recent, _ = write([(1, 1), (2, 1)])
    recent.clear()
    assert recent.find("1") is None
    assert list(recent.after(recent.since)) == []
    assert recent.since == 102  # what has changed up to here the database has to be asked for
