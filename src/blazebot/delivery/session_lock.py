"""One process per session: a lock in the bot's data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from blazebot.errors import SessionInUse, SettingsError


def open_data_directory(root: Path, app_id: str) -> Path:
    """Return the directory for the state of one bot, made with mode 0700 where it is missing.

    Raises:
        SettingsError: it cannot be made or written.
    """
    directory = root / app_id
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
    except OSError as error:
        raise _unusable(directory, error) from None
    return directory


def _unusable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{path} cannot be used: {error.strerror}; set data_dir (BLAZEBOT_DATA_DIR) to a local "
        "directory that this user may write"
    )


class SessionLock:
    """Held while a bot runs with one session; the system frees it however the process ends.

    The file also remembers the fingerprint of the key that the service accepted last, by which a
    revoked session is told from a key that never fitted.
    """

    def __init__(self, directory: Path, session_id: str) -> None:
        self._path = directory / f"session-{session_id}.lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            SessionInUse: another process of this machine holds it.
            SettingsError: the file cannot be made or locked.
        """
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._path, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if not isinstance(error, BlockingIOError):
                raise _unusable(self._path, error) from None
            raise SessionInUse(
                f"another process on this machine runs a bot with this session (lock "
                f"{self._path}). A session has one live connection: stop the other process, or "
                "give this one a session of its own"
            ) from None
        self._file = file

    def release(self) -> None:
        """Free the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def was_accepted(self, fingerprint: str) -> bool:
        """Tell whether the service has accepted the key with this fingerprint."""
        return self._file is not None and os.pread(self._file, 200, 0) == fingerprint.encode()

    def accepted(self, fingerprint: str) -> None:
        """Remember that the service has accepted the key with this fingerprint."""
        if self._file is not None and not self.was_accepted(fingerprint):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, fingerprint.encode(), 0)
