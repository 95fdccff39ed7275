"""Whom an assistant may write to. Pure but for reading the file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from blazebot.errors import SettingsError
from blazebot.wire.ids import is_uuid

_GROUP: Final = "group:"


class Allowed(NamedTuple):
    """Somebody who may be written to, or a group; ``name`` is what the owner calls them."""

    name: str
    is_group: bool


People: TypeAlias = dict[str, Allowed]
"""Whom an assistant may write to, by id in lower case: a user's, or a group's conversation's."""


def allowed_people(entries: Iterable[str], path: str | Path | None) -> People:
    """Return whom the settings allow: by ``entries``, and by the lines of the file at ``path``.

    An entry is a user's id, or ``group:`` and the id of a group's conversation. In a line a name
    may follow; what stands after ``#`` is for readers.

    Raises:
        SettingsError: an id is no UUID, or the file cannot be read; the message says where.
    """
    people: People = {}
    if path is not None:
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"allow_file: {path} cannot be read: {error}") from None
        for number, line in enumerate(lines, 1):
            entry, _, name = line.partition("#")[0].strip().partition(" ")
            if entry:
                _add(people, entry, name.strip(), f"{path}, line {number}")
    for entry in entries:
        _add(people, entry, "", "allow")
    return people


def _add(people: People, entry: str, name: str, where: str) -> None:
    user_id = entry.removeprefix(_GROUP).lower()
    if not is_uuid(user_id):
        raise SettingsError(
            f"{where}: should be a user's id, or group: and the id of a conversation, not "
            f"{entry!r:.80}"
        )
    people.setdefault(user_id, Allowed(name, entry.startswith(_GROUP)))
