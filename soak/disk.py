"""A small disk of its own for the bot's state, which can be full."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["SmallDisk"]

_SIZE: Final = "48m"
_BLOCK: Final = 64 * 1024
_LATELY: Final = 10.0  # seconds for what the full disk ends to be over


class SmallDisk:
    """A tmpfs mounted at ``path``, where that may be done: only root may.

    ``was_mounted`` tells whether it was; otherwise the folder is on the disk of all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"
        self.was_mounted = False
        self._is_mounted = False
        self._full_until = -math.inf

    @property
    def was_full_lately(self) -> bool:
        """Whether it is full, or was a moment ago."""
        return time.monotonic() < self._full_until + _LATELY

    def mount(self) -> None:
        """Make the folder, and mount the disk there if that is allowed."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "tmpfs"]
            done = subprocess.run([*command, str(self.path)], check=False, capture_output=True)
            self.was_mounted = self._is_mounted = done.returncode == 0

    async def fill(self, seconds: float) -> None:
        """Leave no byte free for so many seconds."""
        self._full_until = math.inf
        try:
            with self._ballast.open("wb", buffering=0) as ballast, suppress(OSError):
                while True:
                    ballast.write(bytes(_BLOCK))
            with self._ballast.open("ab", buffering=0) as ballast, suppress(OSError):
                while True:
                    ballast.write(b"\0")
            await asyncio.sleep(seconds)
        finally:
            self._ballast.unlink(missing_ok=True)
            self._full_until = time.monotonic()

    def unmount(self) -> None:
        """Take the disk away, with all that is on it."""
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)  # noqa: S607
            self._is_mounted = False
