"""The control API's part that acts for people as their clients would, and sets up bots.

Groups, relationships, attachments and authorizations of people; redirect address and client
secret of bots.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import Struct

from blazebot.sandbox.actions import Actions
from blazebot.sandbox.attachments import Attachments
from blazebot.sandbox.calls import read_body
from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.control import ControlEndpoint
from blazebot.sandbox.drafts import read_id
from blazebot.sandbox.groups import Groups
from blazebot.sandbox.oauth import Authorization, OAuth
from blazebot.sandbox.refusals import bad_field
from blazebot.sandbox.relationships import Relationships
from blazebot.sandbox.rest_attachments import origin_of, upload_chunks, view_url
from blazebot.sandbox.service import Service
from blazebot.sandbox.store import BLOCKING, FRIEND, Conversation, User

__all__ = ["Accounts"]


class BotChange(Struct):
    """What to change of a bot; what is absent stays. An empty ``redirect_uri`` is none."""

    full_name: str | None = None
    redirect_uri: str | None = None


class RelationshipChange(Struct):
    """What a person makes of a user: ``action`` is ADD, REMOVE, BLOCK or UNBLOCK."""

    user_id: str
    action: str


class PersonGroup(Struct):
    """A group that a person creates, with the others' ids."""

    name: str = ""
    participants: list[str] = []
    announcement: str = ""


class GroupChange(Struct):
    """What to change of a group; what is absent stays."""

    name: str | None = None
    announcement: str | None = None


class Member(Struct):
    """Somebody to add or remove, or to give a role: ADMIN or empty."""

    user_id: str
    role: str = ""


class MemberChange(Struct):
    """``action`` is ADD, REMOVE or ROLE."""

    action: str
    participants: list[Member]


class Duration(Struct):
    """``duration`` is in seconds; 0 ends it."""

    duration: int


class GroupCode(Struct):
    """The code of a group to join."""

    code_id: str


class NewAuthorization(Struct):
    """What a person grants a bot: scopes separated by spaces."""

    bot_id: str
    scope: str = "PROFILE:READ"
    code_challenge: str = ""


class Accounts:
    """Endpoints of the control API."""

    def __init__(
        self,
        actions: Actions,
        service: Service,
        *,
        groups: Groups,
        relationships: Relationships,
        attachments: Attachments,
        oauth: OAuth,
    ) -> None:
        self._actions = actions
        self._directory = service.directory
        self._store = service.store
        self._groups = groups
        self._relationships = relationships
        self._attachments = attachments
        self._oauth = oauth

    def endpoints(self) -> list[tuple[str, str, ControlEndpoint]]:
        """Return the endpoints by method and path."""
        person = "/people/{id}"
        conversation = f"{person}/conversations/{{conversation_id}}"
        return [
            ("POST", "/bots/{id}", self._change_bot),
            ("POST", "/bots/{id}/secret", self._new_secret),
            ("GET", f"{person}/relationships", self._list_relationships),
            ("POST", f"{person}/relationships", self._relate),
            ("POST", f"{person}/attachments", self._upload),
            ("GET", f"{person}/authorizations", self._list_authorizations),
            ("POST", f"{person}/authorizations", self._authorize),
            ("DELETE", f"{person}/authorizations/{{authorization_id}}", self._revoke),
            ("POST", f"{person}/conversations", self._create_group),
            ("POST", f"{person}/join", self._join),
            ("POST", conversation, self._update_group),
            ("POST", f"{conversation}/participants", self._change_members),
            ("POST", f"{conversation}/exit", self._exit),
            ("POST", f"{conversation}/rotate", self._rotate),
            ("POST", f"{conversation}/mute", self._mute),
            ("POST", f"{conversation}/disappear", self._disappear),
        ]

    # Bots

    async def _change_bot(self, request: web.Request) -> Any:
        bot = self._directory.bot(request.match_info["id"])
        change: BotChange = await _read(request, BotChange)
        if change.redirect_uri is not None:
            self._oauth.set_redirect_uri(bot.user_id, change.redirect_uri)
        if change.full_name:
            bot = bot._replace(full_name=change.full_name)
            self._store.update_user(bot)
        redirect_uri = self._oauth.app(bot.user_id).redirect_uri
        return self._actions.bot_document(bot) | {"redirect_uri": redirect_uri}

    async def _new_secret(self, request: web.Request) -> Any:
        bot = self._directory.bot(request.match_info["id"])
        return {"client_id": bot.user_id, "client_secret": self._oauth.new_secret(bot.user_id)}

    # Relationships

    async def _list_relationships(self, request: web.Request) -> Any:
        person = self._person(request)
        related = [
            {"user_id": user_id, "relationship": kind}
            for kind in (FRIEND, BLOCKING)
            for user_id in self._store.related(person.user_id, kind)
        ]
        return {"relationships": related}

    async def _relate(self, request: web.Request) -> Any:
        person = self._person(request)
        change: RelationshipChange = await _read(request, RelationshipChange)
        other = self._relationships.change(
            person, read_id("user_id", change.user_id), change.action
        )
        relationship = self._relationships.between(person.user_id, other.user_id)
        return {"user_id": other.user_id, "relationship": relationship}

    # Attachments

    async def _upload(self, request: web.Request) -> Any:
        """Take the body, whatever it is, as the bytes of a new attachment."""
        person = self._person(request)
        attachment, secret = self._attachments.create(person.user_id)
        attachment_id = attachment.attachment_id
        self._attachments.admit(attachment_id, secret, request.content_length)
        size = await self._attachments.upload(attachment, upload_chunks(request))
        return {
            "attachment_id": attachment_id,
            "view_url": view_url(attachment_id, origin_of(request)),
            "size": size,
            "created_at": timestamp(attachment.created_at),
        }

    # Authorizations

    async def _list_authorizations(self, request: web.Request) -> Any:
        granted = self._oauth.authorizations_of(self._person(request).user_id)
        return {"authorizations": [_authorization_document(one) for one in granted]}

    async def _authorize(self, request: web.Request) -> Any:
        person = self._person(request)
        new: NewAuthorization = await _read(request, NewAuthorization)
        bot = self._directory.bot(new.bot_id)
        return {"code": self._oauth.authorize(person, bot, new.scope, new.code_challenge)}

    async def _revoke(self, request: web.Request) -> Any:
        authorization_id = request.match_info["authorization_id"].lower()
        self._oauth.revoke(self._person(request), authorization_id)
        return {}

    # Conversations

    async def _create_group(self, request: web.Request) -> Any:
        person = self._person(request)
        new: PersonGroup = await _read(request, PersonGroup)
        group = self._directory.group(
            person, new.participants, name=new.name, announcement=new.announcement
        )
        return self._document(group, person)

    async def _join(self, request: web.Request) -> Any:
        person = self._person(request)
        code: GroupCode = await _read(request, GroupCode)
        return self._document(self._groups.join(person, code.code_id), person)

    async def _update_group(self, request: web.Request) -> Any:
        person = self._person(request)
        change: GroupChange = await _read(request, GroupChange)
        group = self._groups.update(
            person,
            _conversation_id(request),
            name=change.name,
            announcement=change.announcement,
        )
        return self._document(group, person)

    async def _change_members(self, request: web.Request) -> Any:
        person, conversation_id = self._person(request), _conversation_id(request)
        change: MemberChange = await _read(request, MemberChange)
        roles = {read_id("participants", one.user_id): one.role for one in change.participants}
        if change.action == "ADD":
            group = self._groups.add(person, conversation_id, list(roles))
        elif change.action == "REMOVE":
            group = self._groups.remove(person, conversation_id, list(roles))
        elif change.action == "ROLE":
            group = self._groups.set_roles(person, conversation_id, roles)
        else:
            raise bad_field("action", "should be ADD, REMOVE or ROLE")
        return self._document(group, person)

    async def _exit(self, request: web.Request) -> Any:
        person = self._person(request)
        return self._document(self._groups.exit(person, _conversation_id(request)), person)

    async def _rotate(self, request: web.Request) -> Any:
        person = self._person(request)
        return self._document(self._groups.rotate(person, _conversation_id(request)), person)

    async def _mute(self, request: web.Request) -> Any:
        person = self._person(request)
        asked: Duration = await _read(request, Duration)
        muted = self._groups.mute(person, _conversation_id(request), asked.duration)
        return self._document(muted, person)

    async def _disappear(self, request: web.Request) -> Any:
        person = self._person(request)
        asked: Duration = await _read(request, Duration)
        changed = self._groups.disappear(person, _conversation_id(request), asked.duration)
        return self._document(changed, person)

    def _document(self, conversation: Conversation, person: User) -> Any:
        return self._actions.conversation_document(conversation, person.user_id)

    def _person(self, request: web.Request) -> User:
        return self._directory.person(request.match_info["id"])


def _authorization_document(authorization: Authorization) -> dict[str, Any]:
    return {
        "authorization_id": authorization.authorization_id,
        "bot_id": authorization.bot_id,
        "scope": authorization.scope,
        "created_at": timestamp(authorization.created_at),
    }


def _conversation_id(request: web.Request) -> str:
    return request.match_info["conversation_id"].lower()


async def _read(request: web.Request, kind: Any) -> Any:
    return read_body(await request.read() or b"{}", kind)
