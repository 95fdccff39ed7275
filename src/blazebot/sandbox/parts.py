"""A sandbox's parts put together, and the application that serves them over HTTP."""

from __future__ import annotations

from aiohttp import web

from blazebot.errors import SandboxError
from blazebot.sandbox.blaze.endpoint import Blaze
from blazebot.sandbox.bodies import BODIES, Bodies
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.control.bots import BotOperations
from blazebot.sandbox.control.conversations import ConversationOperations
from blazebot.sandbox.control.endpoint import Control
from blazebot.sandbox.control.faults import FaultOperations
from blazebot.sandbox.control.log import LogOperations
from blazebot.sandbox.control.messages import MessageOperations
from blazebot.sandbox.control.people import PeopleOperations
from blazebot.sandbox.control.sandbox import SandboxOperations
from blazebot.sandbox.control.socket import ControlSocket
from blazebot.sandbox.faults import Faults, parse_fault
from blazebot.sandbox.guard import CONTROL_PREFIX, Guard, service_hosts_only
from blazebot.sandbox.impersonation.authority import Authority
from blazebot.sandbox.messenger.page import messenger_routes, serve_page
from blazebot.sandbox.rest.attachments import AttachmentEndpoints
from blazebot.sandbox.rest.authorize_page import AuthorizePage
from blazebot.sandbox.rest.avatars import AvatarPictures
from blazebot.sandbox.rest.conversations import ConversationEndpoints
from blazebot.sandbox.rest.encryption import EncryptionEndpoints
from blazebot.sandbox.rest.endpoint import MessageEndpoints, Rest
from blazebot.sandbox.rest.users import UserEndpoints
from blazebot.sandbox.rules.attachment_files import AttachmentFiles
from blazebot.sandbox.rules.attachments import Attachments
from blazebot.sandbox.rules.avatars import Avatars
from blazebot.sandbox.rules.expiry import Expiry
from blazebot.sandbox.rules.groups import Groups
from blazebot.sandbox.rules.oauth import OAuth
from blazebot.sandbox.rules.relationships import Relationships
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.store import Store
from blazebot.sandbox.wire_log import WireLog

__all__ = ["Parts"]


class Parts:
    """The parts of a sandbox.

    Raises:
        SandboxError: the database, its folder of attachments or the log file cannot be used.
        SettingsError: a fault among the settings is none.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self.planned = [parse_fault(text) for text in settings.faults]
        """Faults to switch on once the sandbox can be reached."""
        self.log = WireLog(most=settings.log_entries, path=settings.log_file)
        try:
            self._store = Store(settings.db, sync=settings.sync)
        except SandboxError:
            self.log.close()
            raise
        try:
            durable = settings.sync == "full"
            self._files = AttachmentFiles(settings.db, durable=durable)
            self._pictures = AttachmentFiles(settings.db, durable=durable, kind="avatars")
        except SandboxError:
            self._store.close()
            self.log.close()
            raise
        self.faults = Faults(settings.fault_seed)
        self._bodies = Bodies(settings.idle_limit)
        clocks = Clocks(self._store.retention_offset())
        service = self._service = Service(self._store, clocks, settings)
        self._oauth = OAuth(self._store, clocks, settings)
        self._authority = Authority(self._store, clocks, settings, self._oauth)
        self._avatars = Avatars(self._store, self._pictures)
        self._attachments = Attachments(self._store.database, self._files, clocks, settings)
        self.expiry = Expiry(self._store, clocks, service.deliveries, self._attachments)
        self._groups, self._relationships = Groups(service), Relationships(service)
        self._blaze = Blaze(self._authority, service, self.faults, self.log)
        self._attachment_endpoints = AttachmentEndpoints(self._attachments, self.log)
        self._rest = self._put_rest_together()
        actions = Actions(service, self._blaze, self._authority, self._oauth)
        self._control_socket = ControlSocket(actions, service)
        self._control = self._put_control_together(actions)

    def _put_rest_together(self) -> Rest:
        service = self._service
        return Rest(
            self._authority,
            service,
            self._oauth,
            [
                MessageEndpoints(service).endpoints(),
                EncryptionEndpoints(service).endpoints(),
                UserEndpoints(service, self._relationships, self._avatars).endpoints(),
                ConversationEndpoints(service, self._groups).endpoints(),
                self._attachment_endpoints.endpoints(),
            ],
            faults=self.faults,
            log=self.log,
        )

    def _put_control_together(self, actions: Actions) -> Control:
        service = self._service
        bots = BotOperations(
            actions, service, groups=self._groups, oauth=self._oauth, avatars=self._avatars
        )
        people = PeopleOperations(
            actions,
            service,
            relationships=self._relationships,
            attachments=self._attachments,
            oauth=self._oauth,
        )
        return Control(
            self._store,
            [
                *SandboxOperations(service).operations(),
                *bots.operations(),
                *people.operations(),
                *MessageOperations(actions, service).operations(),
                *ConversationOperations(actions, service, self._groups).operations(),
                *FaultOperations(self.faults, service.directory).operations(),
                *LogOperations(self.log).operations(),
            ],
            socket=self._control_socket.handle,
        )

    def application(self, guard: Guard) -> web.Application:
        """Return what serves the sandbox: service, control API and pages."""
        authorize_page = AuthorizePage(self._service.directory, self._store, self._oauth)
        app = web.Application(middlewares=[guard.check])
        app[BODIES] = self._bodies
        app.add_subapp(CONTROL_PREFIX, self._control.application())
        app.router.add_routes(authorize_page.routes())
        app.router.add_routes(messenger_routes())
        app.router.add_routes(self._attachment_endpoints.routes())
        app.router.add_routes(AvatarPictures(self._avatars).routes())
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(self._attachment_endpoints.note)
        app.on_shutdown.append(self._end_lines)
        return app

    def service_application(self) -> web.Application:
        """Return what serves under the service's own names: no page and no control API."""
        app = web.Application(middlewares=[service_hosts_only])
        app[BODIES] = self._bodies
        app.router.add_routes(self._attachment_endpoints.routes())
        app.router.add_routes(AvatarPictures(self._avatars).routes())
        app.router.add_route("*", "/{path:.*}", self._handle_as_service)
        app.on_response_prepare.append(self._attachment_endpoints.note)
        app.on_shutdown.append(self._end_lines)
        return app

    def close(self) -> None:
        """Commit, and close the database and all files."""
        self._store.close()
        self._files.close()
        self._pictures.close()
        self.log.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer all that has no route of its own: with the Messenger, or as the service."""
        if request.path == "/" and request.method == "GET" and not _asks_for_blaze(request):
            return await serve_page(request)
        return await self._handle_as_service(request)

    async def _handle_as_service(self, request: web.Request) -> web.StreamResponse:
        """Answer as the service does: by Blaze, and by REST whatever else is asked."""
        if _asks_for_blaze(request):
            return await self._blaze.handle(request)
        return await self._rest.handle(request)

    async def _end_lines(self, _: web.Application) -> None:
        self._blaze.end_all()
        self._control_socket.end_all()
        self.log.end()


def _asks_for_blaze(request: web.Request) -> bool:
    upgrade = request.headers.get("Upgrade", "").lower()
    return (request.method, request.path, upgrade) == ("GET", "/", "websocket")
