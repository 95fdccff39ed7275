"""Our entries in the hosts file: text in, text out, and the file written in place.

Each entry is marked with the process that it belongs to; all other lines stay as they are, byte by
byte. The file is never replaced by another one: it may be a mount, and others may hold it open.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from blazebot.errors import SandboxError

__all__ = [
    "Mapping",
    "add_entries",
    "edit_hosts_file",
    "mapped_elsewhere",
    "marked_processes",
    "read_hosts_file",
    "remove_entries",
]

_MARKED: Final = re.compile(rb"[^#]*# blazebot sandbox, process (\d{1,10})\s*")


class Mapping(NamedTuple):
    """What one line of a hosts file says of one name; lines count from 1."""

    line: int
    address: str
    name: str


def add_entries(text: bytes, entries: Sequence[str], process: int) -> bytes:
    """Return ``text`` with ``entries`` at its end, instead of those that ``process`` has there."""
    text = remove_entries(text, process)
    if text and not text.endswith(b"\n"):
        text += b"\n"  # it stays: a last line without an end would swallow what others add
    return text + b"".join(
        f"{entry} # blazebot sandbox, process {process}\n".encode() for entry in entries
    )


def remove_entries(text: bytes, process: int | None = None) -> bytes:
    """Return ``text`` without the entries of ``process``, or of all where it is None."""
    return b"".join(
        line
        for line in text.splitlines(keepends=True)
        if (owner := _owner(line)) is None or process not in (None, owner)
    )


def marked_processes(text: bytes) -> set[int]:
    """Return the processes that have entries."""
    return {owner for line in text.splitlines() if (owner := _owner(line)) is not None}


def mapped_elsewhere(text: bytes, names: Sequence[str], addresses: Sequence[str]) -> list[Mapping]:
    """Return where lines of others map one of ``names`` to none of ``addresses``."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition(b"#")[0].decode("ascii", "replace").split()
        if words and words[0] not in addresses and _owner(line) is None:
            found += [
                Mapping(number, words[0], name) for name in words[1:] if name.lower() in names
            ]
    return found


def read_hosts_file(path: Path) -> bytes:
    """Return what the file holds.

    Raises:
        SandboxError: it cannot be read; the message says what to do.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(path, error) from None


def edit_hosts_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Write what ``change`` makes of the file, into the same file.

    Raises:
        SandboxError: it cannot be written, and is as it was; the message says what to do.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as reader:
            old = reader.read()
            new = change(old)
            if new == old:
                return
            try:
                _overwrite(file, old, new)
            except OSError:
                with contextlib.suppress(OSError):
                    os.pwrite(file, old, 0)
                    os.ftruncate(file, len(old))
                raise
    except OSError as error:
        raise _unusable(path, error) from None


def _overwrite(file: int, old: bytes, new: bytes) -> None:
    # Whenever this is broken off, the file holds the old lines or the new ones, never none: only
    # what differs is written, by one write, with empty lines up to the old end, which is cut last.
    pairs = enumerate(zip(old, new, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    rest = new[at:].ljust(len(old) - at, b"\n")
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    os.ftruncate(file, len(new))
    os.fsync(file)


def _owner(line: bytes) -> int | None:
    match = _MARKED.fullmatch(line)
    return int(match[1]) if match else None


def _unusable(path: Path, error: OSError) -> SandboxError:
    if isinstance(error, PermissionError):
        return SandboxError(
            f"{path} may not be changed by this user: run it as root (sudo), or without --apply "
            "and change the file yourself as printed"
        )
    return SandboxError(
        f"{path} cannot be used: {error.strerror}; name another hosts file with "
        "BLAZEBOT_SANDBOX_HOSTS_FILE"
    )
