"""The key that buttons are signed with."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from blazebot.errors import SettingsError

KEY_LENGTH: Final = 32
"""Bytes of a key that is made here."""


def load_button_key(setting: str | None, path: Path) -> bytes:
    """Return the key that is set, or that in the file at ``path``.

    Where there is none it is made, with mode 0600.

    Raises:
        SettingsError: the file cannot be read or made, or holds no key.
    """
    if setting is not None:
        return setting.encode()
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be used: {error.strerror}; or set button_key (BLAZEBOT_BUTTON_KEY)"
        ) from None
    if len(key) != KEY_LENGTH:
        raise SettingsError(
            f"{path} holds no key: remove it, and buttons sent so far will be refused; or set "
            "button_key (BLAZEBOT_BUTTON_KEY)"
        )
    return key


def _make(path: Path) -> None:
    # Under another name first: no other process may find it half written, or make another.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, secrets.token_bytes(KEY_LENGTH))
        os.fsync(file)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first
    finally:
        os.close(file)
        draft.unlink()
