"""Announcements on disk: what they say, to whom, and what became of each message."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from blazebot.announce.database import Database, rows_of
from blazebot.announce.recipients import BadLine
from blazebot.announce.stops import stopped_among
from blazebot.announce.stored import (
    DELIVERED,
    FAILED,
    OUTCOMES,
    READ,
    SENT,
    WAITING,
    Recipient,
    Source,
    State,
    StoredAnnouncement,
    Waiting,
)
from blazebot.errors import AnnouncementError

S = TypeVar("S", bound=msgspec.Struct)

BAD_LINES_KEPT: Final = 1000
"""Bad lines of a source that are kept, the first ones; all are counted."""

_EXPORTED: Final = 2000

Row: TypeAlias = tuple[str, str, Mapping[str, str] | None, int]
"""A person to be added: user id, message id, values, line."""

_COLUMNS: Final = ", ".join(StoredAnnouncement.__struct_fields__)
_SOURCE_COLUMNS: Final = ", ".join(Source.__struct_fields__)
_WAITING: Final = 'json_array(place, user_id, message_id, json("values")) AS row'


class AnnouncementStore:
    """The announcements of one bot. Each method raises AnnouncementError: the file is unusable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Announcements

    async def create(
        self,
        announcement_id: str,
        category: str,
        content: bytes,
        *,
        is_template: bool,
        encrypt: bool,
        due: float,
        first: str | None,
        fingerprint: str | None = None,
    ) -> StoredAnnouncement:
        """Return the announcement of this id, made now if there is none.

        Raises:
            AnnouncementError: there is one that says something else.
        """

        def make(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT OR IGNORE INTO announcements (id, state, category, content, fingerprint,"
                " is_template, encrypt, due, created_at, first)"
                " VALUES (?, 'loading', ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(announcement_id, category, content, fingerprint),
                    *(is_template, encrypt, due, time.time(), first),
                ),
            )
            # A call before this one may have ended before all people were read.
            database.execute(
                "UPDATE announcements SET first = ? WHERE id = ? AND state = 'loading'"
                " AND ? IS NOT NULL",
                (first, announcement_id, first),
            )

        await self._database.write(make)
        made = await self.get(announcement_id)
        same = (category, content, is_template)
        is_of_file = made.fingerprint in (None, fingerprint)  # older ones do not say
        if (made.category, made.content, made.is_template) != same or not is_of_file:
            raise AnnouncementError(
                f"there is an announcement {announcement_id} that says something else: give this "
                "one another id"
            )
        if made.encrypt != encrypt:
            raise AnnouncementError(
                f"there is an announcement {announcement_id} that is "
                f"{'encrypted' if made.encrypt else 'not encrypted'}: give this one another id"
            )
        return made

    async def get(self, announcement_id: str) -> StoredAnnouncement:
        """Return an announcement as it stands; raises AnnouncementError: there is none."""
        found = await self._select("WHERE id = ?", announcement_id)
        if not found:
            raise AnnouncementError(
                f"there is no announcement {announcement_id!r:.80}: `blazebot announcements list` "
                "shows those there are"
            )
        return found[0]

    async def all(self) -> list[StoredAnnouncement]:
        """Return all announcements, oldest first."""
        return await self._select("ORDER BY number")

    async def active(self, now: float) -> list[StoredAnnouncement]:
        """Return those that something is to be done for now, oldest first."""
        return await self._select(
            "WHERE state = 'recalling' OR (state = 'sending' AND due <= ?) ORDER BY number", now
        )

    async def _select(self, condition: str, *parameters: object) -> list[StoredAnnouncement]:
        query = f"SELECT {_COLUMNS} FROM announcements {condition}"  # noqa: S608 - our own words
        rows = await self._database.read(
            lambda database: database.execute(query, parameters).fetchall()
        )
        return [_struct(StoredAnnouncement, row) for row in rows]

    async def change(self, announcement_id: str, state: State, *, of: Sequence[State]) -> bool:
        """Let an announcement be in ``state`` if it is in one ``of`` these; tell whether it was."""
        query = (
            "UPDATE announcements SET state = ? WHERE id = ? AND state IN"  # noqa: S608
            f" ({', '.join('?' * len(of))})"
        )
        return await self._database.write(
            lambda database: database.execute(query, (state, announcement_id, *of)).rowcount > 0
        )

    async def go(self, number: int, due: float | None = None, *, of: Sequence[State]) -> None:
        """Let an announcement that is in one ``of`` these states be sent, from ``due`` on."""
        query = (
            "UPDATE announcements SET state = 'sending', due = ifnull(?, due)"  # noqa: S608
            f" WHERE number = ? AND state IN ({', '.join('?' * len(of))})"
        )
        await self._database.write(
            lambda database: database.execute(query, (due, number, *of)),
        )

    async def finish(self, number: int) -> None:
        """Note that an announcement is sent, unless somebody has come to wait meanwhile."""
        await self._database.write(
            lambda database: database.execute(
                "UPDATE announcements SET state = 'done' WHERE number = ? AND state = 'sending'"
                " AND NOT EXISTS (SELECT 1 FROM recipients WHERE announcement = number"
                " AND recipients.state = ?)",
                (number, WAITING),
            )
        )

    async def first_sent(self, number: int) -> None:
        """Note that who was to get it before all others has it; the others wait for a word."""
        await self._database.write(
            lambda database: database.execute(
                "UPDATE announcements SET first = NULL,"
                " state = iif(state = 'sending', 'paused', state) WHERE number = ?",
                (number,),
            )
        )

    async def discard(self, announcement_id: str) -> None:
        """Forget an announcement of which nothing was sent."""

        def drop(database: sqlite3.Connection) -> None:
            row = database.execute(
                "SELECT number FROM announcements WHERE id = ? AND tried < 0", (announcement_id,)
            ).fetchone()
            if row is None:
                return
            database.execute(
                "DELETE FROM bad_lines WHERE source IN"
                " (SELECT number FROM sources WHERE announcement = ?)",
                row,
            )
            for table in ("sources", "recipients"):
                database.execute(f"DELETE FROM {table} WHERE announcement = ?", row)  # noqa: S608
            database.execute("DELETE FROM announcements WHERE number = ?", row)

        await self._database.write(drop)

    # Who it goes to

    async def source(self, number: int, digest: str) -> Source:
        """Return a source of an announcement, made now if there is none."""

        def make(database: sqlite3.Connection) -> Source:
            database.execute(
                "INSERT OR IGNORE INTO sources (announcement, digest) VALUES (?, ?)",
                (number, digest),
            )
            row = database.execute(
                f"SELECT {_SOURCE_COLUMNS} FROM sources"  # noqa: S608 - our own words
                " WHERE announcement = ? AND digest = ?",
                (number, digest),
            ).fetchone()
            return _struct(Source, row)

        return await self._database.write(make)

    async def sources(self, number: int) -> list[Source]:
        """Return where the people of an announcement come from."""
        rows = await self._database.read(
            lambda database: database.execute(
                f"SELECT {_SOURCE_COLUMNS} FROM sources"  # noqa: S608 - our own words
                " WHERE announcement = ? ORDER BY number",
                (number,),
            ).fetchall()
        )
        return [_struct(Source, row) for row in rows]

    async def add(
        self,
        source: Source,
        rows: Sequence[Row],
        bad: Sequence[BadLine],
        *,
        lines: int,
        complete: bool = False,
    ) -> list[BadLine]:
        """Add people, and note bad lines; what is read of the source are ``lines`` so far.

        Returns those who stand in the source twice; one who has come from an earlier source is
        only counted.
        """
        fresh: dict[str, Row] = {}
        twice: list[tuple[int, int]] = []
        for row in rows:
            if (first := fresh.setdefault(row[1], row)) is not row:
                twice.append((row[3], first[3]))

        def insert(database: sqlite3.Connection) -> list[BadLine]:
            (read,) = database.execute(
                "SELECT lines FROM sources WHERE number = ?", (source.number,)
            ).fetchone()
            if lines <= read and not complete:  # another process, with the same command
                return []
            text = msgspec.json.encode(list(fresh.values())).decode()
            earlier: list[tuple[int, int, int]] = msgspec.json.decode(
                rows_of(
                    database,
                    "SELECT json_array(one.value ->> 3, kept.source, kept.line) AS row"
                    " FROM json_each(?) AS one JOIN recipients AS kept"
                    " ON kept.message_id = one.value ->> 1",
                    text,
                )
            )
            (place,) = database.execute(
                "UPDATE announcements SET places = places + ? WHERE number = ?"
                " RETURNING places - ?",
                (len(fresh), source.announcement, len(fresh)),
            ).fetchone()
            added = database.execute(
                'INSERT INTO recipients (announcement, place, user_id, message_id, "values",'
                " source, line) SELECT ?, ? + key, value ->> 0, value ->> 1, value -> 2, ?,"
                " value ->> 3 FROM json_each(?) WHERE true ON CONFLICT (message_id) DO NOTHING",
                (source.announcement, place, source.number, text),
            ).rowcount
            known = sum(number != source.number for _, number, _ in earlier)
            repeats = twice + [
                (line, first) for line, number, first in earlier if number == source.number
            ]
            duplicates = [
                BadLine(line, f"is the same person as line {first}")
                for line, first in sorted(repeats)
                if line != first
            ]
            _note_bad(database, source, [*bad, *duplicates])
            database.execute(
                "UPDATE sources SET lines = ?, complete = ?, known = known + ? WHERE number = ?",
                (lines, complete, known, source.number),
            )
            database.execute(
                "UPDATE announcements SET total = total + ? WHERE number = ?",
                (added, source.announcement),
            )
            return duplicates

        return await self._database.write(insert)

    async def bad_lines(self, number: int) -> list[BadLine]:
        """Return the first bad lines of an announcement's sources."""
        rows = await self._database.read(
            lambda database: database.execute(
                "SELECT line, reason FROM bad_lines JOIN sources ON source = number"
                " WHERE announcement = ? ORDER BY source, line",
                (number,),
            ).fetchall()
        )
        return [BadLine(*row) for row in rows]

    async def stopped(self, number: int) -> int:
        """Return how many people of an announcement want none."""
        count, after = 0, -1
        while page := await self._recipients(number, after):
            people = [row[1] for row in page]
            count += len(await self._database.read(partial(stopped_among, user_ids=people)))
            after = page[-1][0]
        return count

    # Sending and taking back

    async def page(
        self, announcement: StoredAnnouncement, after: int, limit: int, *, try_them: bool = True
    ) -> list[Waiting]:
        """Return messages that are to be sent, or taken back, behind a place.

        From then on they may have been sent, unless ``try_them`` is false.
        """
        number = announcement.number
        recalls = announcement.state == "recalling"
        # What was on its way when a process was killed may have been taken, or not. The + keeps
        # SQLite from sorting all that is in these states for each page.
        tried = f"(place <= {announcement.tried} OR state != {WAITING})"
        condition = (
            f"+state IN ({WAITING}, {SENT}, {DELIVERED}, {READ}) AND {tried}"
            if recalls
            else f"state = {WAITING}"
        )
        query = (
            f"SELECT {_WAITING} FROM recipients WHERE announcement = ? AND place > ?"  # noqa: S608
            f" AND {condition} ORDER BY place LIMIT ?"
        )

        def take(database: sqlite3.Connection) -> list[Waiting]:
            found = _waiting(database, query, number, after, limit)
            if found and try_them and not recalls:
                database.execute(
                    "UPDATE announcements SET tried = max(tried, ?) WHERE number = ?",
                    (found[-1].place, number),
                )
            return found

        return await self._database.write(take)

    async def find(self, message_id: str) -> Waiting | None:
        """Return a message that is to be sent; None if it is not, or no more."""
        query = f"SELECT {_WAITING} FROM recipients WHERE message_id = ? AND state = 0"  # noqa: S608
        found = await self._database.read(lambda database: _waiting(database, query, message_id))
        return next(iter(found), None)

    async def settle(
        self,
        number: int,
        outcome: int,
        places: Mapping[int, str | None],
        *,
        recalls: bool = False,
    ) -> None:
        """Note what became of messages at these places, and why where that is not None.

        A receipt may have said more already: then that stays, unless they were to be taken back.
        """
        if not places:
            return
        text = msgspec.json.encode(list(places)).decode()
        reasons = [(reason, number, place) for place, reason in places.items() if reason]
        before = (WAITING, SENT, DELIVERED, READ) if recalls else (WAITING,)
        # The + keeps SQLite from reading all that is in these states.
        of_these = f"+state IN ({', '.join(map(str, before))})"

        def note(database: sqlite3.Connection) -> None:
            earlier: list[tuple[int, int]] = msgspec.json.decode(
                rows_of(
                    database,
                    "SELECT json_array(state, count(*)) AS row"  # noqa: S608 - our own words
                    " FROM json_each(?) AS one CROSS JOIN recipients"
                    f" ON announcement = ? AND place = one.value AND {of_these} GROUP BY +state",
                    text,
                    number,
                )
            )
            database.execute(
                "UPDATE recipients SET state = ? WHERE announcement = ?"  # noqa: S608
                f" AND place IN (SELECT value FROM json_each(?)) AND {of_these}",
                (outcome, number, text),
            )
            database.executemany(
                "UPDATE recipients SET reason = ? WHERE announcement = ? AND place = ?", reasons
            )
            for state, count in earlier:
                _count(database, number, state, -count)
                _count(database, number, outcome, count)

        await self._database.write(note)

    async def receipts(self, statuses: Mapping[str, str]) -> None:
        """Note that messages were received or read; those of no announcement are passed over."""
        ranks = {"DELIVERED": DELIVERED, "READ": READ}
        text = msgspec.json.encode(
            [(one, ranks[status]) for one, status in statuses.items() if status in ranks]
        ).decode()

        def note(database: sqlite3.Connection) -> None:
            changes: list[tuple[int, int, int, int]] = msgspec.json.decode(
                rows_of(
                    database,
                    "SELECT json_array(announcement, place, state, one.value ->> 1) AS row"
                    " FROM json_each(?) AS one JOIN recipients ON message_id = one.value ->> 0"
                    " WHERE state < one.value ->> 1",
                    text,
                )
            )
            database.execute(
                "UPDATE recipients SET state = one.value ->> 3 FROM json_each(?) AS one"
                " WHERE announcement = one.value ->> 0 AND place = one.value ->> 1",
                (msgspec.json.encode(changes).decode(),),
            )
            for number, _, state, reached in changes:
                _count(database, number, state, -1)
                _count(database, number, reached, 1)

        await self._database.write(note)

    async def retry_failed(self, number: int) -> int:
        """Let those who failed wait again; return how many."""

        def retry(database: sqlite3.Connection) -> int:
            changed = database.execute(
                "UPDATE recipients SET state = 0, reason = NULL WHERE announcement = ?"
                " AND state = ?",
                (number, FAILED),
            ).rowcount
            _count(database, number, FAILED, -changed)
            return changed

        return await self._database.write(retry)

    # Looking at it

    async def recipients(self, number: int) -> AsyncIterator[Recipient]:
        """Yield what became of each message, in the order of sending."""
        after = -1
        while page := await self._recipients(number, after):
            for place, user_id, message_id, state, reason, line in page:
                yield Recipient(user_id, message_id, OUTCOMES[state], reason, line)
                after = place

    async def _recipients(self, number: int, after: int) -> list[tuple[Any, ...]]:
        return await self._database.read(
            lambda database: database.execute(
                "SELECT place, user_id, message_id, state, reason, line FROM recipients"
                " WHERE announcement = ? AND place > ? ORDER BY place LIMIT ?",
                (number, after, _EXPORTED),
            ).fetchall()
        )

    async def forget(self, user_id: str, message_ids: Mapping[int, str]) -> None:
        """Delete a person; ``message_ids`` are those of the messages to them, by announcement.

        If they want no announcements, that stays, without their name. Others for whom one of them
        was to be first go on waiting for a word.
        """

        def drop(database: sqlite3.Connection) -> None:
            for number, message_id in message_ids.items():
                row = database.execute(
                    "DELETE FROM recipients WHERE message_id = ? RETURNING state", (message_id,)
                ).fetchone()
                database.execute(
                    "DELETE FROM sources WHERE announcement = ? AND digest = ?",
                    (number, digest_of(user_id)),
                )
                if row is not None:
                    _count(database, number, row[0], -1)
                    database.execute(
                        "UPDATE announcements SET total = total - 1 WHERE number = ?", (number,)
                    )
            database.execute(
                "UPDATE announcements SET first = NULL,"
                " state = iif(state IN ('loading', 'sending'), 'paused', state) WHERE first = ?",
                (user_id,),
            )
            database.execute("DELETE FROM people WHERE user_id = ?", (user_id,))

        await self._database.write(drop)


def digest_of(user_id: str) -> str:
    """Return the digest of a source that is one person, who goes first."""
    return f"user|{user_id}"


def _struct(kind: type[S], row: Sequence[Any]) -> S:
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind, strict=False)


def _waiting(database: sqlite3.Connection, query: str, *parameters: Any) -> list[Waiting]:
    text = rows_of(database, query, *parameters)
    found = msgspec.json.decode(text, type=list[Waiting])
    stopped = stopped_among(database, (one.user_id for one in found))
    if stopped:
        found = [msgspec.structs.replace(one, stopped=one.user_id in stopped) for one in found]
    return found


def _count(database: sqlite3.Connection, number: int, state: int, change: int) -> None:
    if change and state != WAITING:
        name = OUTCOMES[state]
        database.execute(
            f"UPDATE announcements SET {name} = {name} + ? WHERE number = ?",  # noqa: S608
            (change, number),
        )


def _note_bad(database: sqlite3.Connection, source: Source, bad: Sequence[BadLine]) -> None:
    if not bad:
        return
    (kept,) = database.execute(
        "SELECT count(*) FROM bad_lines WHERE source = ?", (source.number,)
    ).fetchone()
    database.executemany(
        "INSERT OR IGNORE INTO bad_lines VALUES (?, ?, ?)",
        [(source.number, one.line, one.reason) for one in sorted(bad)[: BAD_LINES_KEPT - kept]],
    )
    database.execute("UPDATE sources SET bad = bad + ? WHERE number = ?", (len(bad), source.number))
