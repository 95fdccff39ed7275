"""Clients are installed into private folders, from the versions that their manifests pin."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from interop.clients import Installation

__all__ = ["InstallationFailed", "install", "is_possible"]

_WITHIN: Final = 300.0
"""Seconds for each command: packages are fetched, and Go is compiled."""

_READY: Final = ".ready"


class InstallationFailed(Exception):
    """A client cannot be installed."""


def is_possible(installation: Installation) -> bool:
    """Return whether the program is there that it needs."""
    return shutil.which(installation.program) is not None


def install(installation: Installation) -> None:
    """Install a client, unless it is as its manifest says.

    Raises:
        InstallationFailed: a program is missing, or a command fails; the message says which.
    """
    folder = installation.folder
    if _is_up_to_date(installation):
        return
    for command in installation.commands:
        words = " ".join(command)
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_WITHIN,
                check=False,
            )
        except FileNotFoundError:
            raise InstallationFailed(f"{command[0]} is missing: install it") from None
        except subprocess.TimeoutExpired:
            raise InstallationFailed(f"{words}: not done in {_WITHIN:g} s") from None
        if done.returncode:
            raise InstallationFailed(f"{words}: {done.stdout.strip()[-500:]}")
    (folder / _READY).touch()


def _is_up_to_date(installation: Installation) -> bool:
    ready = installation.folder / _READY
    if installation.manifest is None or not ready.exists():
        return False
    manifest = installation.folder / installation.manifest
    return ready.stat().st_mtime >= manifest.stat().st_mtime
