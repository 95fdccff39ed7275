"""What is kept of announcements: counts that add up, duplicates, and people who are forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blazebot.announce.announcement import progress_of
from blazebot.announce.database import Database
from blazebot.announce.ids import AnnouncedIds
from blazebot.announce.people import People
from blazebot.announce.recipients import BadLine
from blazebot.announce.store import AnnouncementStore, Row
from blazebot.announce.stored import FAILED, OUTCOMES, RECALLED, SENT, SKIPPED, StoredAnnouncement
from blazebot.errors import AnnouncementError

IDS = AnnouncedIds("bot", "one")


def user(number: int) -> str:
    return str(UUID(int=number))


def row(number: int, line: int) -> Row:
    return user(number), IDS.message(user(number)), None, line


def files(directory: Path) -> list[Path]:
    return list(directory.glob("announcements.db*"))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "announcements.db")
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> AnnouncementStore:
    return AnnouncementStore(database)


async def made(store: AnnouncementStore, people: int = 0) -> StoredAnnouncement:
    await store.create(
        "one", "PLAIN_TEXT", b"hi", is_template=False, encrypt=False, due=0.0, first=None
    )
    stored = await store.get("one")
    source = await store.source(stored.number, "file")
    await store.add(source, [row(n, n + 1) for n in range(people)], [], lines=people)
    return await store.get("one")


async def test_the_file_is_its_owners_alone(store: AnnouncementStore, tmp_path: Path) -> None:
    await made(store, 1)
    assert {path.stat().st_mode & 0o777 for path in files(tmp_path)} == {0o600}


async def test_duplicates_are_told_with_both_lines(store: AnnouncementStore) -> None:
    stored = await made(store)
    source = await store.source(stored.number, "file")
    twice = await store.add(source, [row(1, 1), row(2, 2), row(1, 3)], [], lines=3)
    twice += await store.add(source, [row(2, 4), row(3, 5)], [BadLine(6, "is empty")], lines=6)
    assert twice == [
        BadLine(3, "is the same person as line 1"),
        BadLine(4, "is the same person as line 2"),
    ]
    # From another file they are no fault: they have it, or will.
    other = await store.source(stored.number, "another file")
    assert await store.add(other, [row(1, 1), row(9, 2)], [], lines=2, complete=True) == []
    assert [(one.bad, one.known) for one in await store.sources(stored.number)] == [(3, 0), (0, 1)]
    assert (await store.get("one")).total == 4
    assert [one.line for one in await store.bad_lines(stored.number)] == [3, 4, 6]


async def test_an_id_stands_for_what_it_says(store: AnnouncementStore) -> None:
    await made(store)
    with pytest.raises(AnnouncementError, match="says something else"):
        await store.create(
            "one", "PLAIN_TEXT", b"ho", is_template=False, encrypt=False, due=0.0, first=None
        )


STEP: st.SearchStrategy[tuple[Any, set[int]]] = st.one_of(
    st.tuples(
        st.sampled_from([SENT, FAILED, SKIPPED, RECALLED]),
        st.sets(st.integers(0, 5), min_size=1),
    ),
    st.tuples(st.sampled_from(["DELIVERED", "READ"]), st.sets(st.integers(0, 5), min_size=1)),
    st.tuples(st.just("retry"), st.just(set())),
    st.tuples(st.just("forget"), st.sets(st.integers(0, 5), min_size=1, max_size=1)),
)


@given(steps=st.lists(STEP, max_size=12))
@settings(deadline=None, max_examples=60)
def test_the_counts_are_those_of_the_messages(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, set[int]]]
) -> None:
    """Whatever happens in whatever order: what is counted is what is there."""

    async def run() -> None:
        database = Database(tmp_path_factory.mktemp("store") / "announcements.db")
        store = AnnouncementStore(database)
        number = (await made(store, 6)).number
        for what, places in steps:
            if isinstance(what, int):
                reasons = dict.fromkeys(places, "why" if what == FAILED else None)
                await store.settle(number, what, reasons, recalls=what == RECALLED)
            elif what == "retry":
                await store.retry_failed(number)
            elif what == "forget":
                (one,) = places
                await store.forget(user(one), {number: IDS.message(user(one))})
            else:
                await store.receipts({IDS.message(user(one)): what for one in places})
        stored = await store.get("one")
        counts = Counter([one.outcome async for one in store.recipients(number)])
        assert stored.total == counts.total()
        assert stored.waiting == counts["waiting"]
        for name in OUTCOMES[1:]:
            assert getattr(stored, name) == counts[name]
        await database.close()

    asyncio.run(run())


async def test_a_receipt_that_is_quicker_than_the_answer_stays(store: AnnouncementStore) -> None:
    number = (await made(store, 2)).number
    await store.receipts({IDS.message(user(0)): "READ", IDS.message(user(7)): "READ"})
    await store.settle(number, SENT, {0: None, 1: None})
    await store.receipts({IDS.message(user(0)): "DELIVERED", IDS.message(user(1)): "DELIVERED"})
    progress = progress_of(await store.get("one"))
    assert (progress.sent, progress.delivered, progress.read, progress.waiting) == (2, 2, 1, 0)


async def test_what_may_have_been_sent_is_taken_back_too(store: AnnouncementStore) -> None:
    stored = await made(store, 10)
    page = await store.page(stored, -1, 4)  # on their way, as a kill comes
    await store.settle(stored.number, SENT, {0: None, 1: None})
    await store.settle(stored.number, FAILED, {2: "blocked"})
    assert await store.change("one", "recalling", of=("sending", "loading"))
    recalls = await store.page(await store.get("one"), -1, 100)
    assert [one.place for one in page] == [0, 1, 2, 3]
    assert [one.place for one in recalls] == [0, 1, 3]


async def test_the_place_of_who_is_forgotten_stays_empty(store: AnnouncementStore) -> None:
    stored = await made(store, 2)
    page = await store.page(stored, -1, 9)  # on its way, as the last of them is forgotten
    await store.forget(user(1), {stored.number: IDS.message(user(1))})
    source = await store.source(stored.number, "another file")
    await store.add(source, [row(7, 1)], [], lines=1, complete=True)
    await store.settle(stored.number, SENT, {one.place: None for one in page})
    assert [one.user_id for one in await store.page(stored, -1, 9)] == [user(7)]


async def test_a_file_of_before_the_first_release_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "announcements.db"
    database = Database(path)
    await made(AnnouncementStore(database), 2)
    await database.close()
    with sqlite3.connect(path) as old:
        old.execute("ALTER TABLE announcements DROP COLUMN places")
    old.close()
    database = Database(path)
    store = AnnouncementStore(database)
    source = await store.source(1, "another file")
    await store.add(source, [row(7, 1)], [], lines=1)
    assert [one.place for one in await store.page(await store.get("one"), -1, 9)] == [0, 1, 2]
    await database.close()


async def test_what_is_taken_back_is_so_at_once(store: AnnouncementStore) -> None:
    stored = await made(store, 1)
    await store.go(stored.number, due=1000.0, of=("loading",))
    assert await store.active(10.0) == []
    assert await store.change("one", "recalling", of=("sending",))
    assert [one.id for one in await store.active(10.0)] == ["one"]


async def test_to_forget_who_is_first_sends_to_nobody(store: AnnouncementStore) -> None:
    await store.create(
        "one", "PLAIN_TEXT", b"hi", is_template=False, encrypt=False, due=0.0, first=None
    )
    again = await store.create(  # the first call ended before all people were read
        "one", "PLAIN_TEXT", b"hi", is_template=False, encrypt=False, due=0.0, first=user(0)
    )
    assert again.first == user(0)
    await store.go(again.number, of=("loading",))
    await store.forget(user(0), {again.number: IDS.message(user(0))})
    stored = await store.get("one")
    assert (stored.state, stored.first) == ("paused", None)


async def test_who_said_stop_is_marked(store: AnnouncementStore, database: Database) -> None:
    people = People(database)
    stored = await made(store, 3)
    await people.stop(user(1))
    assert [one.stopped for one in await store.page(stored, -1, 9)] == [False, True, False]
    first = await store.find(IDS.message(user(1)))
    assert first is not None
    assert first.stopped
    await people.resume(user(1))
    assert not any(one.stopped for one in await store.page(stored, -1, 9))


async def test_everybody_who_was_met_once(database: Database) -> None:
    people = People(database)
    await people.met([user(2), user(1)])
    await people.met([user(2)])
    assert [one async for one in people.all()] == [user(1), user(2)]


async def test_nothing_of_who_is_forgotten_is_in_the_file(
    store: AnnouncementStore, database: Database, tmp_path: Path
) -> None:
    people = People(database)
    number = (await made(store, 100)).number
    gone = user(42)
    await people.met([gone])
    await people.stop(gone)
    await store.forget(gone, {number: IDS.message(gone)})
    await database.close()
    for path in files(tmp_path):
        assert gone.encode() not in path.read_bytes()
