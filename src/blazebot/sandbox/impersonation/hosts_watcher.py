"""A small process that outlives a killed sandbox and takes its entries out of the hosts file.

It is a shell that reads from a pipe, whose other end the sandbox holds. A word means that the
sandbox has done it itself; an end without one, that it is gone, and :func:`main` is run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from blazebot.errors import SandboxError
from blazebot.sandbox.impersonation.file_lock import locked
from blazebot.sandbox.impersonation.hosts_file import (
    edit_hosts_file,
    marked_processes,
    read_hosts_file,
    remove_entries,
)

__all__ = ["main", "watched"]

_SCRIPT: Final = 'read -r _ || exec "$0" "$@"'

_PROGRAM: Final = f"from {__name__} import main; main()"

_WITHIN: Final = 30.0
"""Seconds for which the entries of a killed sandbox are tried to be removed."""

_LOCK_WITHIN: Final = 1.0

_END_WITHIN: Final = 5.0
"""Seconds for the shell to end once it was told."""


@contextmanager
def watched(path: Path, process: int) -> Iterator[None]:
    """Have the entries of ``process``, this one, removed if it is killed within the context.

    Raises:
        SandboxError: there is no shell.
    """
    try:
        # In a session of its own, Ctrl-C and the end of the terminal do not reach it. It may run as
        # root: no modules from the current folder (-P).
        watcher = subprocess.Popen(  # noqa: S603 - of our own words only
            ("/bin/sh", "-c", _SCRIPT, sys.executable, "-P", "-c", _PROGRAM, path, str(process)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"/bin/sh cannot be started: {error.strerror}") from None
    yield  # an error that leaves here also leaves the pipe without a word
    try:
        watcher.communicate(b"done\n", timeout=_END_WITHIN)
    except subprocess.TimeoutExpired:
        watcher.kill()
        watcher.wait()


def main() -> None:
    """Remove the entries of a process that is gone: arguments are the hosts file and its number."""
    path, process = Path(sys.argv[1]), int(sys.argv[2])
    try:
        _remove(path, process)
    except SandboxError as error:
        sys.exit(f"blazebot: {error}")


def _remove(path: Path, process: int) -> None:
    deadline = time.monotonic() + _WITHIN
    # Another sandbox that took the lock meanwhile has removed them too.
    while process in marked_processes(read_hosts_file(path)):
        try:
            with locked(path, within=_LOCK_WITHIN):
                edit_hosts_file(path, partial(remove_entries, process=process))
        except TimeoutError:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{path} still has entries of a sandbox that is gone: run blazebot sandbox "
                    "--unapply"
                ) from None
