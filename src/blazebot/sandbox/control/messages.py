"""The control API's part on messages: what people send, see and read."""

from __future__ import annotations

import asyncio

from aiohttp import web

from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.control.answers import (
    MessageList,
    MessagePage,
    MessagesFound,
    Sent,
    Transferred,
)
from blazebot.sandbox.control.operations import Done, Operation
from blazebot.sandbox.control.requests import (
    ChangesQuery,
    HistoryQuery,
    PersonMessage,
    Reading,
    SearchQuery,
)
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.transfers import NewTransfer
from blazebot.sandbox.rules.views import Snapshot
from blazebot.sandbox.storage.rows import User

__all__ = ["MessageOperations"]


class MessageOperations:
    """Operations on messages."""

    def __init__(self, actions: Actions, service: Service) -> None:
        self._actions = actions
        self._service = service

    def operations(self) -> list[Operation]:
        """Return the operations."""
        person = "/people/{person_id}"
        messages = f"{person}/messages"
        conversation = f"{person}/conversations/{{conversation_id}}"
        history, search = f"{conversation}/messages", f"{conversation}/search"
        transfers = f"{person}/transfers"
        return [
            Operation("GET", messages, self._changes, query=ChangesQuery, answer=MessagePage),
            Operation("POST", messages, self._send, body=PersonMessage, answer=Sent),
            Operation("GET", f"{messages}/{{message_id}}", self._one, answer=Snapshot),
            Operation("GET", history, self._history, query=HistoryQuery, answer=MessageList),
            Operation("GET", search, self._search, query=SearchQuery, answer=MessagesFound),
            Operation("GET", f"{conversation}/pins", self._pins, answer=MessageList),
            Operation("POST", f"{person}/read", self._read, body=Reading),
            Operation("POST", transfers, self._transfer, body=NewTransfer, answer=Transferred),
        ]

    async def _changes(self, request: web.Request, asked: ChangesQuery) -> MessagePage:
        """Show a person the messages that changed for them, in the order of the changes.

        What they had not received is DELIVERED by it.
        """
        person = self._person(request)
        cursor = asked.after
        messages: list[Snapshot] = []
        received: set[int] = set()
        ended = False
        while not ended and len(messages) < asked.limit:
            glance = self._service.sightings.look(
                {person.user_id},
                after=cursor,
                limit=asked.limit - len(messages),
                received=received,
            )
            messages += [sighting.message for sighting in glance.sightings]
            cursor, ended = glance.cursor, glance.ended
            await asyncio.sleep(0)  # there may be many of other people's to go over
        return MessagePage(messages, cursor, not ended)

    async def _send(self, request: web.Request, message: PersonMessage) -> Sent:
        """Send a message as a person.

        With the category MESSAGE_RECALL it recalls one, with MESSAGE_PIN it pins or unpins some.
        """
        return self._actions.send(request.match_info["person_id"], message)

    async def _one(self, request: web.Request, _: None) -> Snapshot:
        """Show a person one message."""
        message_id = request.match_info["message_id"].lower()
        return self._service.sightings.one(self._person(request), message_id)

    async def _search(self, request: web.Request, asked: SearchQuery) -> MessagesFound:
        """Find texts and posts of a conversation, the newest first.

        It goes over some of the messages only: while there is ``more``, ask again with ``before``.
        """
        found = self._service.sightings.search(
            self._person(request),
            _conversation_id(request),
            asked.text,
            before=asked.before,
            limit=asked.limit,
        )
        return MessagesFound(*found)

    async def _pins(self, request: web.Request, _: None) -> MessageList:
        """Show a person the pinned messages of a conversation, the newest 100 of them."""
        pinned = self._service.sightings.pinned(self._person(request), _conversation_id(request))
        return MessageList(pinned)

    async def _history(self, request: web.Request, asked: HistoryQuery) -> MessageList:
        """Show a person the newest messages of a conversation."""
        return MessageList(
            self._service.sightings.look_back(
                self._person(request),
                _conversation_id(request),
                before=asked.before,
                limit=asked.limit,
            )
        )

    async def _read(self, request: web.Request, reading: Reading) -> Done:
        """Mark messages read by a person; unknown and own ones are passed over."""
        self._actions.read(request.match_info["person_id"], reading.message_ids)
        return Done()

    async def _transfer(self, request: web.Request, new: NewTransfer) -> Transferred:
        """Let a person pay a bot, which is told of it."""
        return self._actions.transfer(request.match_info["person_id"], new)

    def _person(self, request: web.Request) -> User:
        return self._service.directory.person(request.match_info["person_id"])


def _conversation_id(request: web.Request) -> str:
    return request.match_info["conversation_id"].lower()
