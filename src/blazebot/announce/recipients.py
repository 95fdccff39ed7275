"""Files of user ids, read as a stream: text, CSV or JSON lines, one person a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

import msgspec

from blazebot.announce.templates import Values
from blazebot.errors import AnnouncementError
from blazebot.wire.ids import is_uuid

LINE_LIMIT: Final = 64 * 1024
"""Bytes of a line; a longer one is a bad line, and not read into memory."""

USER_ID: Final = "user_id"
"""The column, or the field, with a person's id."""

_NO_VALUES: Final[Values] = {}


class Recipient(NamedTuple):
    """A person to send to, and what a template takes of them. ``line`` counts from 1."""

    line: int
    user_id: str
    values: Values = _NO_VALUES


class BadLine(NamedTuple):
    """A line that is nobody to send to, and why."""

    line: int
    reason: str


Read: TypeAlias = Recipient | BadLine


def read_recipients(path: Path) -> Iterator[Read]:
    """Yield what the lines of a file say, in order, whatever its size.

    ``.csv`` has a first line with the names of its columns, one of them ``user_id``, or nothing but
    ids in its first column. ``.jsonl`` and ``.ndjson`` have an object with ``user_id`` a line, or
    an id in quotes. Any other file has one id a line.

    Raises:
        AnnouncementError: the file cannot be read, or the columns have no names.
    """
    try:
        with path.open("rb") as file:
            lines = _lines(file)
            suffix = path.suffix.lower()
            if suffix == ".csv":
                yield from _read_csv(lines, path)
            elif suffix in (".jsonl", ".ndjson"):
                yield from _each(lines, _read_json)
            else:
                yield from _each(lines, _read_id)
    except OSError as error:
        raise AnnouncementError(f"{path} cannot be read: {error.strerror}") from None


_Line: TypeAlias = tuple[int, str | None]  # None: it is too long


def _lines(file: BinaryIO) -> Iterator[_Line]:
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        whole = line.endswith(b"\n") or len(line) <= LINE_LIMIT
        if not whole:
            while (rest := file.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield number, line.decode(errors="replace").rstrip("\r\n") if whole else None


def _each(lines: Iterator[_Line], read: Callable[[int, str], Read]) -> Iterator[Read]:
    for number, line in lines:
        if line is None:
            yield BadLine(number, f"has more than {LINE_LIMIT // 1024} KiB")
        elif not line.strip():
            yield BadLine(number, "is empty")
        else:
            yield read(number, line)


def _read_id(number: int, line: str) -> Read:
    return _recipient(number, line)


def _read_json(number: int, line: str) -> Read:
    try:
        said = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return BadLine(number, "is not JSON")
    if isinstance(said, str):
        return _recipient(number, said)
    if not isinstance(said, dict):
        return BadLine(number, f"is no JSON object with {USER_ID}")
    values = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in said.items()
        if name != USER_ID and value is not None
    }
    return _recipient(number, said.get(USER_ID), values)


def _read_csv(lines: Iterator[_Line], path: Path) -> Iterator[Read]:
    number, first = next(lines, (1, ""))
    separator = next((one for one in ",;\t" if first and one in first), ",")
    cells = _cells(first or "", separator) or [""]
    names = [cell.strip() for cell in cells]
    column = next((n for n, name in enumerate(names) if name.lower() == USER_ID), None)
    if column is None:
        if not is_uuid(names[0]):
            raise AnnouncementError(
                f"{path}: its first line should name the columns, one of them {USER_ID}"
            )
        column, names = 0, [names[0]]
        yield _recipient(number, cells[0])

    def read(number: int, line: str) -> Read:
        cells = _cells(line, separator)
        if cells is None:
            return BadLine(number, "has a quote that is not closed: a person is one line")
        if len(cells) <= column:
            return BadLine(number, f"has no {USER_ID}")
        values = {
            name: cell
            for place, (name, cell) in enumerate(zip(names, cells, strict=False))
            if place != column and name
        }
        return _recipient(number, cells[column], values)

    yield from _each(lines, read)


def _cells(line: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [""])
    except csv.Error:
        return None


def _recipient(number: int, user_id: object, values: Values = _NO_VALUES) -> Read:
    text = user_id.strip() if isinstance(user_id, str) else user_id
    if not is_uuid(text):
        return BadLine(number, f"is not a user's id, a UUID: {text!r:.60}")
    return Recipient(number, str(text).lower(), values)
