"""One sandbox: its parts put together, started and stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from typing import Final, Self

from aiohttp import web

from blazebot.errors import SandboxError
from blazebot.sandbox.actions import Actions
from blazebot.sandbox.attachment_files import AttachmentFiles
from blazebot.sandbox.attachments import Attachments
from blazebot.sandbox.authority import Authority
from blazebot.sandbox.authorize_page import AuthorizePage
from blazebot.sandbox.blaze import Blaze
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.control import Control
from blazebot.sandbox.control_accounts import Accounts
from blazebot.sandbox.control_socket import ControlSocket
from blazebot.sandbox.groups import Groups
from blazebot.sandbox.guard import CONTROL_PREFIX, Guard, is_loopback
from blazebot.sandbox.oauth import OAuth
from blazebot.sandbox.relationships import Relationships
from blazebot.sandbox.rest import MessageEndpoints, Rest
from blazebot.sandbox.rest_attachments import AttachmentEndpoints
from blazebot.sandbox.rest_conversations import ConversationEndpoints
from blazebot.sandbox.rest_encryption import EncryptionEndpoints
from blazebot.sandbox.rest_users import UserEndpoints
from blazebot.sandbox.service import Service
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.store import Store

__all__ = ["Sandbox", "serve"]

_BODY_LIMIT: Final = 16 * 1024 * 1024

_WELCOME: Final = (
    "This is a blazebot sandbox: the message service of Mixin Messenger in one local process.\n"
    f"Bots connect to this address; {CONTROL_PREFIX}/ drives it.\n"
)

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
            SandboxError: the port or the database cannot be used; the message says why.
        """
        settings = self.settings
        self._store = Store(settings.db, sync=settings.sync)
        try:
            self._files = AttachmentFiles(settings.db, durable=settings.sync == "full")
        except SandboxError:
            self._store.close()
            raise
        service = Service(self._store, Clocks(), settings)
        oauth = OAuth(self._store, service.clocks, settings)
        authority = Authority(self._store, service.clocks, settings, oauth)
        attachments = Attachments(self._store.database, self._files, service.clocks, settings)
        groups, relationships = Groups(service), Relationships(service)
        self._blaze = Blaze(authority, service)
        bytes_of_attachments = AttachmentEndpoints(attachments)
        self._rest = Rest(
            authority,
            service,
            oauth,
            [
                MessageEndpoints(service).endpoints(),
                EncryptionEndpoints(service).endpoints(),
                UserEndpoints(service, relationships).endpoints(),
                ConversationEndpoints(service, groups).endpoints(),
                bytes_of_attachments.endpoints(),
            ],
        )
        actions = Actions(service, self._blaze, authority)
        accounts = Accounts(
            actions,
            service,
            groups=groups,
            relationships=relationships,
            attachments=attachments,
            oauth=oauth,
        )
        control = Control(actions, service, accounts.endpoints())
        self._control_socket = ControlSocket(actions, service)
        authorize_page = AuthorizePage(service.directory, self._store, oauth)

        guard = Guard(settings.host, allow_hosts=settings.allow_hosts, token=self.token)
        app = web.Application(middlewares=[guard.check], client_max_size=_BODY_LIMIT)
        app.router.add_get(f"{CONTROL_PREFIX}/socket", self._control_socket.handle)
        app.router.add_routes(control.routes())
        app.router.add_routes(authorize_page.routes())
        app.router.add_routes(bytes_of_attachments.routes())
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_shutdown.append(self._end_lines)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=settings.stop_grace
        )
        try:
            await self._runner.setup()
            self.url = await self._listen(self._runner)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close all lines with 1001, commit, and close the database."""
        await self._runner.cleanup()
        self._store.close()
        self._files.close()

    async def _listen(self, runner: web.AppRunner) -> str:
        host, port = self.settings.host, self.settings.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SandboxError(_port_words(host, port, error)) from None
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{runner.addresses[0][1]}/"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer all that is not the control API: Blaze, a word of welcome, and REST."""
        if request.path == "/" and request.method == "GET":
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._blaze.handle(request)
            return web.Response(text=_WELCOME)
        return await self._rest.handle(request)

    async def _end_lines(self, _: web.Application) -> None:
        self._blaze.end_all()
        self._control_socket.end_all()


def announce(sandbox: Sandbox) -> None:
    """Write to standard output how to reach a sandbox.

    The last line is ``blazebot sandbox: ADDRESS``, alone with this beginning, for whoever starts it
    as a process and waits.
    """
    lines = []
    if sandbox.settings.db is None:
        lines.append("The database is a temporary one; pass --db PATH to keep it.")
    if not is_loopback(sandbox.settings.host):
        lines.append(f"Token of the control API: {sandbox.token}")
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

    async with Sandbox(settings) as sandbox:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            on_ready(sandbox)
            await stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _port_words(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; pass another one with --port, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user; pass one above 1023 with --port"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"
