"""One process of a bot sends its announcements at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from blazebot.errors import AnnouncementError


class DrainLock:
    """A lock on the file at ``path``; the system frees it however the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock, if no other process has it; tell whether it is ours.

        Raises:
            AnnouncementError: the file cannot be made or locked.
        """
        if self._file is not None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            except OSError:
                os.close(file)
                raise
        except OSError as error:
            raise AnnouncementError(f"{self._path} cannot be used: {error.strerror}") from None
        self._file = file
        return True

    def release(self) -> None:
        """Free the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
