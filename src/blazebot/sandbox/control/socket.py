"""The control API's WebSocket, ``/control/socket``: acts for many people and sees what they see.

Text frames of JSON. A command has ``op`` and ``id``; its answer is ``{"id", "data"}`` or ``{"id",
"error"}`` and means that what it did is committed. What subscribed people see comes as ``{"events":
[{"cursor", "person_id", "message"}, ...], "cursor"}``, in the order of changes: a message anew each
time that its status moves, as it is then. ``seq`` has the order of messages. Who comes again passes
the last cursor as ``after`` and misses nothing, but may see again what it has seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from blazebot.errors import FrameError, ServiceError
from blazebot.sandbox.control import requests
from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.lines import Line
from blazebot.sandbox.rules.refusals import bad_request, broken, error_body
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.sightings import Glance, Sighting
from blazebot.wire.codec import decode_json, encode_json

__all__ = ["ControlSocket"]

_EVENTS_MOST: Final = 500
"""Events in one frame."""

_EVENTS_BYTES: Final = 1024 * 1024
"""Content in one frame, beyond which it ends early: a large message may be seen by many."""

_COMMAND_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of the longest command."""

_COMMAND: Final[Any] = requests.Command  # a union, which is no class

logger = logging.getLogger("blazebot.sandbox")


class _Events(msgspec.Struct):
    events: list[Sighting]
    cursor: int


class _Everybody(Container[str]):
    def __contains__(self, user_id: object) -> bool:
        return True


class _Id(msgspec.Struct):
    """What little can be read of a command that is wrong otherwise."""

    id: str | int | None = None


class _ControlLine(Line):
    """One driver's connection."""

    kind = WSMsgType.TEXT

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        actions: Actions,
        service: Service,
    ) -> None:
        super().__init__(socket, transport, service.settings)
        self._actions = actions
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._people: Container[str] = ()
        self._cursor = 0
        self._received: set[int] = set()
        self._commands: dict[type, Callable[[Any], Any]] = {
            requests.Subscribe: self._subscribe,
            requests.Send: self._send_messages,
            requests.Read: self._mark_read,
            requests.Bot: self._show_bot,
            requests.CreatePeople: self._create_people,
            requests.Befriend: self._befriend,
        }

    def receive(self, message: WSMessage) -> None:
        """Do what a command says; what is wrong with it is answered, and the line goes on."""
        command_id = None
        try:
            try:
                command: requests.Command = decode_json(message.data, _COMMAND)
            except FrameError as error:
                command_id = _read_id(message.data)
                raise bad_request(str(error)) from None
            command_id = command.id
            data = self._commands[type(command)](command)
        except ServiceError as error:
            self._refuse(command_id, error)
        except Exception:
            logger.exception("a command of the control socket failed")
            self._refuse(command_id, broken())
        else:
            self._store.after_commit(partial(self._settle, command_id, data))

    def _settle(self, command_id: str | int, data: Any, error: Exception | None) -> None:
        if error is not None:
            self._refuse(command_id, broken())
        else:
            self.put(encode_json({"id": command_id, "data": data}))

    def _refuse(self, command_id: str | int | None, error: ServiceError) -> None:
        self.put(encode_json({"id": command_id, "error": error_body(error)}))

    # Commands

    def _subscribe(self, command: requests.Subscribe) -> Any:
        if command.people is None:
            people: Container[str] = _Everybody()
        else:
            people = {self._directory.person(person_id).user_id for person_id in command.people}
        newest = self._store.messages.last_change()
        # A cursor of another database may lie ahead: nothing is to be missed because of that.
        self._cursor = newest if command.after is None else min(command.after, newest)
        self._people, self._received = people, set()
        self.wake()
        return {"cursor": self._cursor}

    def _send_messages(self, command: requests.Send) -> Any:
        return {"messages": [self._each(self._send_one, message) for message in command.messages]}

    def _send_one(self, message: requests.SentMessage) -> Any:
        return self._actions.send(message.person_id, message)

    def _mark_read(self, command: requests.Read) -> Any:
        for read in command.reads:
            self._directory.person(read.person_id)  # all are checked before any is marked
        for read in command.reads:
            self._actions.read(read.person_id, read.message_ids)
        return {}

    def _show_bot(self, command: requests.Bot) -> Any:
        return self._actions.bot_document(self._directory.bot(command.bot_id))

    def _create_people(self, command: requests.CreatePeople) -> Any:
        return {"people": [self._actions.create_person(new) for new in command.people]}

    def _befriend(self, command: requests.Befriend) -> Any:
        return {"friends": [self._each(self._befriend_one, one) for one in command.friends]}

    def _befriend_one(self, friendship: requests.Friendship) -> Any:
        return self._actions.befriend(friendship.person_id, friendship.user_id)

    def _each(self, act: Callable[[Any], Any], item: Any) -> Any:
        """Return the outcome of one of many: one that is refused does not touch the others."""
        try:
            return act(item)
        except ServiceError as error:
            return {"error": error_body(error)}

    # Events

    async def push_more(self) -> bool:
        """Send what the people see; return whether there may be more."""
        if not self._people:
            return False
        people = self._people
        glance = self._service.sightings.look(
            people, after=self._cursor, limit=_EVENTS_MOST, received=self._received
        )
        if glance.ended:
            return False
        # It may be of a transaction that is still open, and DELIVERED is news of it.
        await self._store.committed()
        if people is not self._people:  # subscribed anew meanwhile
            return True
        self._cursor = glance.cursor
        for events in _frames(glance):
            if self.has_answers:
                await self.send_answers()
            if people is not self._people:
                return True
            await self.send(encode_json(events))
            await asyncio.sleep(0)  # a driver that reads quickly does not get the loop for itself
        return True


def _frames(glance: Glance) -> Iterator[_Events]:
    """Yield what is seen, so much content in a frame; at least one frame, as it has the cursor.

    Also where there was nothing for these people to see the driver is that far.
    """
    events: list[Sighting] = []
    size = 0
    for one in glance.sightings:
        if size > _EVENTS_BYTES:
            yield _Events(events, one.cursor - 1)  # others see this one yet
            events, size = [], 0
        events.append(one)
        size += len(one.message.data_base64)
    yield _Events(events, glance.cursor)


def _read_id(text: bytes) -> str | int | None:
    try:
        return decode_json(text, _Id).id
    except FrameError:
        return None


class ControlSocket:
    """The endpoint ``/control/socket``."""

    def __init__(self, actions: Actions, service: Service) -> None:
        self._actions = actions
        self._service = service
        self._lines: set[_ControlLine] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a driver's connection and serve it."""
        socket = web.WebSocketResponse(
            compress=False,
            autoping=False,
            autoclose=False,
            decode_text=False,
            max_msg_size=_COMMAND_LIMIT,
            timeout=self._service.settings.stop_grace,
        )
        await socket.prepare(request)
        if request.transport is None:  # gone already
            return socket
        line = _ControlLine(socket, request.transport, self._actions, self._service)
        self._lines.add(line)
        self._service.deliveries.watchers.add(line.wake)
        try:
            await line.run()
        finally:
            self._service.deliveries.watchers.discard(line.wake)
            self._lines.discard(line)
        return socket

    def end_all(self) -> None:
        """Close all lines because the sandbox stops."""
        for line in self._lines:
            line.end(WSCloseCode.GOING_AWAY, "the sandbox stops")
