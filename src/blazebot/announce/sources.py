"""Whom an announcement goes to: a file, everybody, the members of a group, or what code yields."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

from blazebot.announce.ids import AnnouncedIds
from blazebot.announce.people import People
from blazebot.announce.recipients import BadLine, Read, Recipient, read_recipients
from blazebot.announce.store import AnnouncementStore, Row, digest_of
from blazebot.announce.stored import StoredAnnouncement
from blazebot.announce.templates import Values
from blazebot.errors import AnnouncementError
from blazebot.wire.ids import is_uuid

CHUNK: Final = 5000
"""People that are read and kept together."""


@dataclass(frozen=True, slots=True)
class Everyone:
    """All who ever wrote to the bot or befriended it, as far as it kept them."""


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a group, by the id of its conversation, but for the bot itself."""

    conversation_id: str


EVERYONE: Final = Everyone()

Person: TypeAlias = str | tuple[str, Mapping[str, object]]
"""A user's id, perhaps with their values for a template, which go in as ``str`` shows them."""

Recipients: TypeAlias = (
    str
    | os.PathLike[str]
    | Everyone
    | Members
    | Iterable[Person]
    | AsyncIterable[Person]
    | Mapping[str, Mapping[str, object]]
)
"""Whom an announcement goes to; text is the path of a file, a mapping has values by user id."""


class Loader:
    """Reads who announcements of the bot ``app_id`` go to, and keeps them in ``store``.

    ``members(conversation_id)`` returns the user ids of a group's participants.
    """

    def __init__(
        self,
        app_id: str,
        store: AnnouncementStore,
        people: People,
        members: Callable[[str], Awaitable[Iterable[str]]],
    ) -> None:
        self._app_id = app_id
        self._store = store
        self._people = people
        self._members = members

    async def load(
        self, announcement: StoredAnnouncement, names: frozenset[str], to: Recipients
    ) -> None:
        """Add people who are not yet among those of the announcement.

        A file that was read to its end is not read again, and one that was not goes on where it
        was. ``names`` are the values that the template takes of each.

        Raises:
            AnnouncementError: the file, or what ``to`` is, cannot be read.
        """
        path = Path(to) if isinstance(to, str | os.PathLike) else None
        digest = str(uuid4()) if path is None else await asyncio.to_thread(_digest, path)
        source = await self._store.source(announcement.number, digest)
        if source.complete:
            return
        chunks = _in_chunks(self._read(to)) if path is None else _of_file(path, source.lines)
        ids = AnnouncedIds(self._app_id, announcement.id)
        lines = source.lines
        async for chunk in chunks:
            rows, bad = await asyncio.to_thread(_sorted_out, chunk, ids, names)
            lines = chunk[-1].line
            await self._store.add(source, rows, bad, lines=lines)
        await self._store.add(source, [], [], lines=lines, complete=True)

    async def has_all_of(self, announcement: StoredAnnouncement, path: Path) -> bool:
        """Tell whether a file was read to its end, with no bad line; raises as :meth:`load`."""
        source = await self._store.source(
            announcement.number, await asyncio.to_thread(_digest, path)
        )
        return source.complete and not source.bad

    async def add(
        self, announcement: StoredAnnouncement, user_id: str, values: Values | None
    ) -> None:
        """Add one person, unless they are among those of the announcement."""
        source = await self._store.source(announcement.number, digest_of(user_id))
        if not source.complete:
            ids = AnnouncedIds(self._app_id, announcement.id)
            row = (user_id, ids.message(user_id), values, 0)
            await self._store.add(source, [row], [], lines=0, complete=True)

    async def _read(self, to: Recipients) -> AsyncIterator[Read]:
        number = 0
        async for person in self._persons(to):
            number += 1
            yield _recipient(number, person)

    async def _persons(self, to: Recipients) -> AsyncIterator[Person]:
        if isinstance(to, Everyone):
            to = self._people.all()
        elif isinstance(to, Members):
            to = [one for one in await self._members(to.conversation_id) if one != self._app_id]
        if isinstance(to, Mapping):
            to = to.items()
        if isinstance(to, AsyncIterable):
            async for person in to:
                yield person
        elif isinstance(to, Iterable):
            for person in to:
                yield person
        else:
            raise AnnouncementError(
                f"to: {to!r:.80} is nobody: give the path of a file, EVERYONE, Members(...) or "
                "what yields user ids"
            )


def _recipient(number: int, person: Any) -> Read:
    is_pair = isinstance(person, tuple | list) and len(person) == 2
    user_id, given = person if is_pair else (person, {})
    if not isinstance(user_id, str) or not is_uuid(user_id):
        return BadLine(number, f"is not a user's id, a UUID: {user_id!a:.60}")
    if not isinstance(given, Mapping):
        return BadLine(number, f"has values that are no mapping: {given!a:.60}")
    values = {name: str(value) for name, value in given.items() if value is not None}
    for name, value in values.items():
        if _is_cut(value):
            return BadLine(number, f"has half a character as value of {{{name}}}: {value!a:.60}")
    return Recipient(number, user_id.lower(), values)


def _is_cut(text: str) -> bool:
    """Tell whether half of a surrogate pair is in a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _digest(path: Path) -> str:
    if path.exists() and not (path.is_file() or path.is_dir()):  # it is read twice
        raise AnnouncementError(f"{path} is no file; save what it holds to one")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AnnouncementError(f"{path} cannot be read: {error.strerror}") from None
    return f"{path.suffix.lower()}|{digest}"


async def _of_file(path: Path, lines: int) -> AsyncIterator[list[Read]]:
    rest: Iterator[Read] = dropwhile(lambda one: one.line <= lines, read_recipients(path))
    while chunk := await asyncio.to_thread(lambda: list(islice(rest, CHUNK))):
        yield chunk


async def _in_chunks(people: AsyncIterator[Read]) -> AsyncIterator[list[Read]]:
    chunk: list[Read] = []
    async for person in people:
        chunk.append(person)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _sorted_out(
    chunk: list[Read], ids: AnnouncedIds, names: frozenset[str]
) -> tuple[list[Row], list[BadLine]]:
    rows: list[Row] = []
    bad: list[BadLine] = []
    for one in chunk:
        if isinstance(one, BadLine):
            bad.append(one)
        elif missing := names - one.values.keys():
            bad.append(BadLine(one.line, f"has no value for {{{min(missing)}}}"))
        else:
            values = {name: one.values[name] for name in names} if names else None
            rows.append((one.user_id, ids.message(one.user_id), values, one.line))
    return rows, bad
