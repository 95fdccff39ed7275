"""The processes of a run: a sandbox, and a bot that serves in one process."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from blazebot.testing.processes import Process, SandboxProcess
from blazebot.wire.limits import QUOTA_PER_MINUTE
from soak.checker import OVERTAKEN
from soak.disk import SmallDisk
from soak.sabotaged import WITHOUT

__all__ = ["SANDBOX", "World"]

SANDBOX: Final = "sandbox"

TARGET: Final = "soak.bot:bot"

_ROOT: Final = Path(__file__).parent.parent
_REDELIVER_AFTER: Final = 5.0
_STARTED: Final = 60.0
_REFUSED: Final = 3  # a bot's: the service refuses its session
_FAILED: Final = 1  # a bot's: it cannot keep anything
_PORTS: Final = (20_000, 32_000)  # below those that systems give to clients


class World:
    """A sandbox and a bot, served by one process; ``processes`` are all that can be ended.

    ``without`` is a mechanism of the bot that is switched off. Everything is in ``folder``.
    """

    engine = "process"
    least_rate = 300.0
    """Messages a second that people write at least."""
    least_burst_rate = QUOTA_PER_MINUTE / 60
    """Texts a second that are taken in each burst at least: so many may the bot answer."""
    excuses: tuple[str, ...] = (OVERTAKEN,)
    """What a fault of the service may bring about here, whatever the bot does."""
    left_out: tuple[str, ...] = ()
    """What is not broken here."""
    line_patience = 10.0
    """Seconds without a line after which the bot is started anew; in short runs fewer."""

    def __init__(self, folder: Path, without: str = "") -> None:
        self.folder = folder
        self._without = without
        self.disk = SmallDisk(folder / "data")
        self.sandbox = SandboxProcess(
            folder,
            port=_port(),
            environment={"BLAZEBOT_SANDBOX_REDELIVER_AFTER": str(_REDELIVER_AFTER)},
        )
        self.processes: dict[str, Process] = {SANDBOX: self.sandbox}
        self.versions: dict[str, str] = {}
        """Versions of what takes part and is not ours."""

    async def start_service(self) -> None:
        """Start everything but the bot."""
        self.disk.mount()
        await self.sandbox.start(_STARTED)

    async def start_bot(self) -> None:
        """Start the bot, whose keystore is there by now."""
        self.processes |= self._bot_processes()
        for name in self.holders + self.workers:
            await self.processes[name].start()

    @property
    def holders(self) -> tuple[str, ...]:
        """The processes of which one holds the bot's line."""
        return ("bot",)

    @property
    def workers(self) -> tuple[str, ...]:
        """The other processes of the bot: those that do not notice a new keystore themselves."""
        return ()

    async def can_spare(self, name: str) -> bool:
        """Tell, once it is known, whether a process may be ended or stopped."""
        return True

    def may_end(self, name: str, status: int, signals: frozenset[int]) -> bool:
        """Tell whether a process may end with this status after these signals."""
        if status < 0:
            return -status in signals
        if status == _FAILED and self.disk.was_full_lately:
            return name in self.holders + self.workers
        return signal.SIGTERM in signals and status in self._statuses_of_end(name)

    def _statuses_of_end(self, name: str) -> tuple[int, ...]:
        """Return what a process may end with after SIGTERM."""
        return (0,) if name == SANDBOX else (0, _REFUSED)

    def _bot_processes(self) -> dict[str, Process]:
        return {"bot": self._command("bot", "run", TARGET)}

    def _command(self, name: str, *arguments: str, **environment: str) -> Process:
        return Process(
            [sys.executable, "-m", "soak.sabotaged" if self._without else "blazebot", *arguments],
            log=self.folder / f"{name}.log",
            environment={
                "PYTHONPATH": str(_ROOT),
                WITHOUT: self._without,
                "BLAZEBOT_SERVER": self.sandbox.url,
                "BLAZEBOT_KEYSTORE": str(self._keystore),
                "BLAZEBOT_DATA_DIR": str(self.disk.path / name),
                # What an outage or a fault ends is tried for as long as it may last.
                "BLAZEBOT_MAX_TRIES": "1000",
                "BLAZEBOT_RETRY_WINDOW": "3600",
                "BLAZEBOT_REQUEST_TIMEOUT": "3",
                "BLAZEBOT_HEARTBEAT": "3",
                "BLAZEBOT_STOP_GRACE": "3",
                **environment,
            },
        )

    @property
    def _keystore(self) -> Path:
        return self.folder / "keystore.json"

    def put_keystore(self, document: Mapping[str, Any]) -> None:
        """Put a keystore in the place of the one before, at once."""
        beside = self._keystore.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(dict(document)))
        beside.rename(self._keystore)

    async def stop_bot(self) -> None:
        """Let the bot end cleanly: what it is still about to send goes out."""
        for name in self.workers + self.holders:
            await self.processes[name].stop()

    async def close(self) -> None:
        """End everything."""
        for process in self.processes.values():
            await process.kill()
        self.disk.unmount()


def _port() -> int:
    """Return a port that nobody listens on, and that no client is given as its own.

    While the sandbox is away a client could otherwise be given that very port, and connect to
    itself.
    """
    while True:
        port = random.SystemRandom().randrange(*_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
