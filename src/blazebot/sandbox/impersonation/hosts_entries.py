"""The hosts file while a sandbox runs, and what one that was killed has left there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation.file_lock import locked
from blazebot.sandbox.impersonation.hosts_file import (
    add_entries,
    edit_hosts_file,
    mapped_elsewhere,
    marked_processes,
    read_hosts_file,
    remove_entries,
)
from blazebot.sandbox.impersonation.hosts_watcher import watched

__all__ = ["applied", "entries", "remove_stale", "unapply"]

_LOCK_WITHIN: Final = 2.0
"""Seconds in which a watcher is done that is removing the entries of a killed sandbox."""

logger = logging.getLogger("blazebot.sandbox")


def entries(names: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """Return the lines of a hosts file by which ``names`` lead to ``addresses``."""
    return [f"{address} {' '.join(names)}" for address in addresses]


@contextmanager
def applied(
    path: Path, names: Sequence[str], addresses: Sequence[str], *, backup: Path
) -> Iterator[None]:
    """Have ``names`` lead to ``addresses`` within the context, and the file be locked for others.

    What the file held before is kept at ``backup``.

    Raises:
        SandboxError: the file may not be changed, is another sandbox's at present, or maps a name
            to somewhere else already; the message says what to do.
    """
    process, lines = os.getpid(), entries(names, addresses)
    before = read_hosts_file(path)
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, within=_LOCK_WITHIN))
        except TimeoutError:
            raise SandboxError(
                f"{path} has the entries of another sandbox{_named(before)}: stop that one first"
            ) from None
        edit_hosts_file(path, remove_entries)  # of the dead: the living would hold the lock
        _refuse_other_mappings(path, names, addresses)
        _keep(read_hosts_file(path), backup)
        held.enter_context(watched(path, process))
        try:
            edit_hosts_file(path, partial(add_entries, entries=lines, process=process))
            yield
        finally:
            edit_hosts_file(path, partial(remove_entries, process=process))


def remove_stale(path: Path) -> None:
    """Remove the entries of sandboxes that are gone, or say how, where this user may not."""
    try:
        if marked_processes(path.read_bytes()):
            with locked(path, within=0):
                edit_hosts_file(path, remove_entries)
    except SandboxError:
        logger.warning(
            "%s has entries of a sandbox that is gone: run sudo blazebot sandbox --unapply", path
        )
    except OSError:  # it is locked by a living one; or it cannot be read, and is no matter
        return


def unapply(path: Path) -> bool:
    """Remove the entries of all sandboxes, living or dead; tell whether there were any.

    Raises:
        SandboxError: the file may not be changed; the message says what to do.
    """
    found = bool(marked_processes(read_hosts_file(path)))
    if found:
        edit_hosts_file(path, remove_entries)
    return found


def _refuse_other_mappings(path: Path, names: Sequence[str], addresses: Sequence[str]) -> None:
    for line, address, name in mapped_elsewhere(read_hosts_file(path), names, addresses):
        raise SandboxError(
            f"{path}, line {line}: {name} is mapped to {address}, and clients would go there: "
            "remove that line first"
        )


def _keep(text: bytes, backup: Path) -> None:
    try:
        backup.write_bytes(text)
    except OSError as error:
        raise SandboxError(f"{backup} cannot be written: {error.strerror}") from None


def _named(text: bytes) -> str:
    processes = ", ".join(str(process) for process in sorted(marked_processes(text)))
    return f" (process {processes})" if processes else ""
