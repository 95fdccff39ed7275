"""One sandbox: its parts put together, started and stopped."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from blazebot.errors import SandboxError
from blazebot.sandbox.faults import SANDBOX, Fault
from blazebot.sandbox.guard import Guard, is_loopback
from blazebot.sandbox.impersonation.hosts_entries import remove_stale
from blazebot.sandbox.impersonation.impersonation import Impersonation
from blazebot.sandbox.listeners import Listener
from blazebot.sandbox.parts import Parts
from blazebot.sandbox.settings import SandboxSettings

__all__ = ["Sandbox", "serve"]

_WORD: Final = 0.05
"""Seconds for the answer to whoever wants a restart to get out."""

_AGAIN: Final = 0.5
"""Seconds between two tries to listen again."""

_ALLOCATIONS: Final = 20_000
"""Objects more, after which cycles among them are looked for: there are few, and much is kept."""

logger = logging.getLogger("blazebot.sandbox")


class Sandbox:
    """The message service in this process.

    ``async with Sandbox(settings) as sandbox`` runs it; ``sandbox.url`` is its address, and
    ``sandbox.token`` what the control API asks for beyond loopback.

    Raises:
        SandboxError: on entering: the port or the database cannot be used; the message says why.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.token = self.settings.token or secrets.token_urlsafe(24)
        self.url = ""
        self.impersonation: Impersonation | None = None
        self._restart: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open the database and listen."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; see :meth:`stop`."""
        await self.stop()

    async def start(self) -> None:
        """Open the database and listen.

        Raises:
            SandboxError: a port, the database, or what impersonating needs cannot be used; the
                message says why.
        """
        settings = self.settings
        if settings.impersonate:
            self.impersonation = Impersonation(settings)
        self._parts = Parts(settings)
        self._parts.expiry.start()
        self._parts.faults.on_add.append(self._restart_on_demand)
        guard = Guard(settings.host, allow_hosts=settings.allow_hosts, token=self.token)
        self._listeners = [
            Listener(
                self._parts.application(guard),
                [settings.host],
                settings.port,
                settings,
                option="--port",
            )
        ]
        if self.impersonation is not None:
            self._listeners.append(self.impersonation.listener(self._parts.service_application()))
        try:
            for listener in self._listeners:
                await listener.open()
            if self.impersonation is not None and settings.apply:
                await asyncio.to_thread(self.impersonation.apply)
        except BaseException:
            await self.stop()
            raise
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"http://{name}:{self._listeners[0].port}/"
        for new in self._parts.planned:
            self._parts.faults.add(new)

    async def stop(self) -> None:
        """Close all lines with 1001, commit, and close the database.

        Raises:
            SandboxError: our entries cannot be taken out of the hosts file; all else is done.
        """
        if self._restart is not None:
            self._restart.cancel()
        self._parts.faults.clear()  # whoever is held back by one goes on, and ends
        try:
            if self.impersonation is not None:
                await asyncio.to_thread(self.impersonation.close)
        finally:
            await asyncio.gather(*(listener.close() for listener in self._listeners))
            await self._parts.expiry.stop()
            self._parts.close()

    def _restart_on_demand(self, fault: Fault) -> None:
        if self._parts.faults.strikes(fault, SANDBOX, fault.bot_id):
            if self._restart is not None:
                self._restart.cancel()  # the newest says when the sandbox is there again
            self._restart = asyncio.ensure_future(self._look_restarted(fault.seconds))

    async def _look_restarted(self, seconds: float) -> None:
        """Let nobody reach the sandbox for so long, and cut all connections, as a restart does."""
        await asyncio.sleep(_WORD)
        for listener in self._listeners:
            listener.interrupt()
        await asyncio.sleep(seconds)
        for listener in self._listeners:
            await _open_again(listener)


async def _open_again(listener: Listener) -> None:
    while True:
        try:
            return await listener.open()
        except SandboxError as error:
            logger.error("%s; trying again", error)
            await asyncio.sleep(_AGAIN)


def announce(sandbox: Sandbox) -> None:
    """Write to standard output how to reach a sandbox.

    The last line is ``blazebot sandbox: ADDRESS``, alone with this beginning, for whoever starts it
    as a process and waits.
    """
    lines = []
    if sandbox.settings.db is None:
        lines.append("The database is a temporary one; pass --db PATH to keep it.")
    if is_loopback(sandbox.settings.host):
        lines.append(f"The Messenger: {sandbox.url}")
    else:
        lines.append(f"Token of the control API: {sandbox.token}")
        # What follows # stays in the browser, and in nobody's log.
        lines.append(f"The Messenger: {sandbox.url}#token={quote(sandbox.token, safe='')}")
    if sandbox.impersonation is not None:
        lines += sandbox.impersonation.instructions(sandbox.url)
    lines.append(f"blazebot sandbox: {sandbox.url}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def serve(
    settings: SandboxSettings, *, on_ready: Callable[[Sandbox], None] = announce
) -> None:
    """Run a sandbox until SIGTERM or SIGINT; a second SIGINT ends the process at once.

    ``on_ready`` is called once it listens.

    Raises:
        SandboxError: the port or the database cannot be used; the message says why.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)  # from now on it ends the process
        stopped.set()

    remove_stale(Path(settings.hosts_file))
    gc.set_threshold(_ALLOCATIONS)
    async with Sandbox(settings) as sandbox:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            on_ready(sandbox)
            await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
