"""Where a running bot's mailbox is: a file in its data directory, for programs of its own user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from blazebot.delivery.session_lock import unusable

FILE_NAME: Final = "mailbox.json"
"""The file's name in a bot's data directory."""


class Place(msgspec.Struct, frozen=True):
    """The address of an endpoint with mailboxes, and the token that this bot's asks for."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"<Place {self.url}>"


def write_place(directory: Path, place: Place) -> None:
    """Say where the mailbox is; raises SettingsError: the file cannot be written."""
    path = directory / FILE_NAME
    beside = path.with_suffix(".new")
    try:
        beside.unlink(missing_ok=True)
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as writing:
            writing.write(msgspec.json.encode(place))
        beside.replace(path)
    except OSError as error:
        raise unusable(path, error) from None


def read_place(directory: Path) -> Place | None:
    """Return where the mailbox is said to be; a bot that was killed says it still."""
    try:
        return msgspec.json.decode((directory / FILE_NAME).read_bytes(), type=Place)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def remove_place(directory: Path, place: Place) -> None:
    """Say it no longer."""
    if read_place(directory) == place:
        (directory / FILE_NAME).unlink(missing_ok=True)
