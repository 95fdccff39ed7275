"""A lock on a file or directory, which the system frees however its holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["locked"]

_PAUSE: Final = 0.02
"""Seconds between two tries."""


@contextmanager
def locked(path: Path, *, within: float) -> Iterator[None]:
    """Hold the lock on ``path``; it is waited for ``within`` seconds, without giving the loop up.

    Raises:
        TimeoutError: another process holds it for longer.
        OSError: the file cannot be opened or locked.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + within
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path} is locked") from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(file)
