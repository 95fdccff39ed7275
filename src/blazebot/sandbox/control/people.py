"""The control API's part on people: who they are, and what they make of others.

What they write is in ``control_messages``, where they write in ``control_conversations``.
"""

from __future__ import annotations

from aiohttp import web

from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.control.answers import (
    AttachmentDocument,
    AuthorizationCode,
    AuthorizationList,
    FriendDocument,
    OpenedSession,
    PersonList,
    RelationshipDocument,
    RelationshipList,
    UserDocument,
    authorization_document,
    user_document,
)
from blazebot.sandbox.control.operations import Done, Operation
from blazebot.sandbox.control.requests import (
    Friend,
    NewAuthorization,
    NewPersonSession,
    NewUser,
    NewUsers,
    RelationshipChange,
)
from blazebot.sandbox.rest.attachments import origin_of, upload_chunks, view_url
from blazebot.sandbox.rules.attachments import Attachments
from blazebot.sandbox.rules.drafts import read_id
from blazebot.sandbox.rules.oauth import OAuth
from blazebot.sandbox.rules.relationships import Relationships
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.storage.rows import BLOCKING, FRIEND, PERSON, User

__all__ = ["PeopleOperations"]


class PeopleOperations:
    """Operations on people."""

    def __init__(
        self,
        actions: Actions,
        service: Service,
        *,
        relationships: Relationships,
        attachments: Attachments,
        oauth: OAuth,
    ) -> None:
        self._actions = actions
        self._directory = service.directory
        self._store = service.store
        self._relationships = relationships
        self._attachments = attachments
        self._oauth = oauth

    def operations(self) -> list[Operation]:
        """Return the operations."""
        people, person = "/people", "/people/{person_id}"
        sessions, friends = f"{person}/sessions", f"{person}/friends"
        relationships, attachments = f"{person}/relationships", f"{person}/attachments"
        granted = f"{person}/authorizations"
        one = f"{granted}/{{authorization_id}}"
        return [
            Operation("GET", people, self._list, answer=PersonList),
            Operation(
                "POST",
                people,
                self._create,
                body=NewUsers | NewUser,
                answer=PersonList | UserDocument,
            ),
            Operation(
                "POST", sessions, self._open_session, body=NewPersonSession, answer=OpenedSession
            ),
            Operation("POST", friends, self._befriend, body=Friend, answer=FriendDocument),
            Operation("GET", relationships, self._list_relationships, answer=RelationshipList),
            Operation(
                "POST",
                relationships,
                self._relate,
                body=RelationshipChange,
                answer=RelationshipDocument,
            ),
            Operation("POST", attachments, self._upload, body=bytes, answer=AttachmentDocument),
            Operation("GET", granted, self._list_authorizations, answer=AuthorizationList),
            Operation(
                "POST", granted, self._authorize, body=NewAuthorization, answer=AuthorizationCode
            ),
            Operation("DELETE", one, self._revoke),
        ]

    async def _list(self, _: web.Request, __: None) -> PersonList:
        """List the people."""
        return PersonList([user_document(user) for user in self._store.users(PERSON)])

    async def _create(
        self, _: web.Request, new: list[NewUser] | NewUser
    ) -> PersonList | UserDocument:
        """Create a person, or each of a list."""
        if isinstance(new, NewUser):
            return self._actions.create_person(new)
        return PersonList([self._actions.create_person(one) for one in new])

    async def _open_session(self, request: web.Request, new: NewPersonSession) -> OpenedSession:
        """Give a person a new session."""
        return self._actions.open_session(request.match_info["person_id"], new)

    async def _befriend(self, request: web.Request, friend: Friend) -> FriendDocument:
        """Add a bot to a person's friends; the first time the bot gets a hello."""
        return self._actions.befriend(request.match_info["person_id"], friend.user_id)

    async def _list_relationships(self, request: web.Request, _: None) -> RelationshipList:
        """List whom a person has made a friend or blocked."""
        person = self._person(request)
        return RelationshipList(
            [
                RelationshipDocument(user_id, kind)
                for kind in (FRIEND, BLOCKING)
                for user_id in self._store.related(person.user_id, kind)
            ]
        )

    async def _relate(
        self, request: web.Request, change: RelationshipChange
    ) -> RelationshipDocument:
        """Let a person add, remove, block or unblock a user."""
        person = self._person(request)
        other = self._relationships.change(
            person, read_id("user_id", change.user_id), change.action
        )
        return RelationshipDocument(
            other.user_id, self._relationships.between(person.user_id, other.user_id)
        )

    async def _upload(self, request: web.Request, _: None) -> AttachmentDocument:
        """Upload an attachment: the body is its bytes, whatever they are."""
        person = self._person(request)
        attachment, secret = self._attachments.create(person.user_id)
        attachment_id = attachment.attachment_id
        self._attachments.admit(attachment_id, secret, request.content_length)
        size = await self._attachments.upload(attachment, upload_chunks(request))
        return AttachmentDocument(
            attachment_id,
            view_url(attachment_id, origin_of(request)),
            size,
            timestamp(attachment.created_at),
        )

    async def _list_authorizations(self, request: web.Request, _: None) -> AuthorizationList:
        """List what a person has granted bots."""
        granted = self._oauth.authorizations_of(self._person(request).user_id)
        return AuthorizationList([authorization_document(one) for one in granted])

    async def _authorize(self, request: web.Request, new: NewAuthorization) -> AuthorizationCode:
        """Let a person authorise a bot; the bot exchanges the code."""
        person, bot = self._person(request), self._directory.bot(new.bot_id)
        return AuthorizationCode(self._oauth.authorize(person, bot, new.scope, new.code_challenge))

    async def _revoke(self, request: web.Request, _: None) -> Done:
        """Take back what a person has granted."""
        authorization_id = request.match_info["authorization_id"].lower()
        self._oauth.revoke(self._person(request), authorization_id)
        return Done()

    def _person(self, request: web.Request) -> User:
        return self._directory.person(request.match_info["person_id"])
