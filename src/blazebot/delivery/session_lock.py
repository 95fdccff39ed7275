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
        raise unusable(directory, error) from None
    return directory


def unusable(path: Path, error: OSError) -> SettingsError:
    """Return the error for a file of the bot's state that cannot be used."""
    return SettingsError(
        f"{path} cannot be used: {error.strerror}; set data_dir (BLAZEBOT_DATA_DIR) to a local "
        "directory that this user may write"
    )


def last_accepted(directory: Path, session_id: str) -> str | None:
    """Return the fingerprint of the key that the service accepted last for a session, if known."""
    try:
        return (directory / _file_name(session_id)).read_text("ascii", "replace")[:200] or None
    except OSError:
        return None


def _file_name(session_id: str) -> str:
    return f"session-{session_id}.lock"


class SessionLock:
    """Held while a bot runs with one session; the system frees it however the process ends.

    The file also remembers the fingerprint of the key that the service accepted last, by which a
    revoked session is told from a key that never fitted.
    """

    def __init__(self, directory: Path, session_id: str) -> None:
        self._path = directory / _file_name(session_id)
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
            raise unusable(self._path, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if not isinstance(error, BlockingIOError):
                raise unusable(self._path, error) from None
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
