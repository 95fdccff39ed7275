"""Child processes that can be frozen, killed and started again, by their id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from blazebot.errors import SandboxError

READY: Final = "blazebot sandbox: "
"""What the sandbox's line on standard output begins with; its address follows."""


class Process:
    """One program that is started, ended and started again. Its output goes to ``log``.

    It has a process group of its own, so that Ctrl-C in a terminal does not reach it, and of the
    settings that stand in this process's environment or folder it knows nothing.
    """

    _stdin: ClassVar[int] = asyncio.subprocess.DEVNULL

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = list(command)
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("BLAZEBOT_")
        }
        self._environment = {**inherited, **(environment or {})}
        self.logger = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.logger.read_text(errors="replace") if self.logger.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id; raises RuntimeError before its first start."""
        if self._process is None:
            raise RuntimeError("the process has not been started")
        return self._process.pid

    def set_environment(self, **variables: str) -> None:
        """Set environment variables for its next start."""
        self._environment.update(variables)

    async def start(self) -> None:
        """Start it."""
        with self.logger.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self._environment,
                cwd=self.logger.parent,
                stdin=self._stdin,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self.is_running and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for its end; return its exit status, negative for a signal's number."""
        if self._process is None:
            raise RuntimeError("the process has not been started")
        return await self._process.wait()

    async def kill(self) -> None:
        """End it with SIGKILL."""
        self.send_signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self, grace: float = 15.0) -> int:
        """End it with SIGTERM, after ``grace`` seconds with SIGKILL; return its exit status."""
        self.send_signal(signal.SIGTERM)
        self.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            await self.kill()
            return await self.wait()


class SandboxProcess(Process):
    """A sandbox in a process of its own.

    ``directory`` takes its database and log; ``arguments`` are further ones of
    ``blazebot sandbox``. ``url`` is known once it is started, and stays over restarts. It ends with
    this process, however that ends.
    """

    _stdin = asyncio.subprocess.PIPE

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._arguments = list(arguments)
        self.port = port
        self.url = ""
        super().__init__([], log=directory / "sandbox.log", environment=environment)

    async def start(self, within: float = 20.0) -> None:
        """Start it and return when it serves.

        Raises:
            SandboxError: it ended, or does not serve ``within`` so many seconds.
        """
        database = self._directory / "sandbox.db"
        self.command = [
            *(sys.executable, "-m", "blazebot.testing.tied", "blazebot", "sandbox"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--db", str(database)),
            *self._arguments,
        ]
        before = len(self.log)
        await super().start()
        try:
            async with asyncio.timeout(within):
                self.url = await self._ready(before)
        except TimeoutError:
            await self.kill()
            raise SandboxError(f"the sandbox did not start in {within:g} s:\n{self.log}") from None
        except BaseException:  # nobody waits for it any more
            await self.kill()
            raise
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    async def _ready(self, before: int) -> str:
        # The log is a file and not a pipe, so that nobody has to go on reading it.
        while True:
            for line in self.log[before:].splitlines(keepends=True):
                if line.startswith(READY) and line.endswith("\n"):
                    return line.removeprefix(READY).split()[0].rstrip("/")
            if not self.is_running:
                raise SandboxError(f"the sandbox ended at its start:\n{self.log[before:]}")
            await asyncio.sleep(0.01)


@contextmanager
def running_sandbox(
    directory: Path, *, settings: Mapping[str, object] | None = None
) -> Iterator[SandboxProcess]:
    """Run one sandbox while event loops come and go, such as for all tests of a run.

    ``settings`` are the sandbox's, by name. Not to be entered while a loop runs in this thread.
    Raises SandboxError if it does not start.
    """
    environment = {
        f"BLAZEBOT_SANDBOX_{name.upper()}": str(value) for name, value in (settings or {}).items()
    }
    process = SandboxProcess(directory, environment=environment)
    # A loop of its own, which is nobody's current one: it runs only to start and to stop.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(process.start())
        try:
            yield process
        finally:
            runner.run(process.stop())
