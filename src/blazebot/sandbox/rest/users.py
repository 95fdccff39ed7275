"""Users by REST: oneself, others, codes, relationships (protocol sections 9 and 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from blazebot.sandbox.rest.calls import Call, Endpoints, read_body
from blazebot.sandbox.rules.avatars import Avatars
from blazebot.sandbox.rules.drafts import read_base64, read_id
from blazebot.sandbox.rules.refusals import bad_field, not_found
from blazebot.sandbox.rules.relationships import Relationships
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.views import conversation_view, me_view
from blazebot.sandbox.storage.rows import BLOCKING, FRIEND, User
from blazebot.wire.ids import is_uuid

__all__ = ["UserEndpoints"]


class _Profile(msgspec.Struct):
    full_name: str | None = None
    biography: str | None = None
    avatar_base64: str | None = None


class _Relationship(msgspec.Struct):
    user_id: str
    action: str


class UserEndpoints:
    """The endpoints of users."""

    def __init__(self, service: Service, relationships: Relationships, avatars: Avatars) -> None:
        self._store = service.store
        self._directory = service.directory
        self._settings = service.settings
        self._relationships = relationships
        self._avatars = avatars

    def endpoints(self) -> Endpoints:
        """Return the endpoints."""
        return {
            ("GET", "/me"): self._me,
            ("GET", "/safe/me"): self._me,
            ("POST", "/me"): self._update_me,
            ("POST", "/users/fetch"): self._fetch,
            ("GET", "/users/:id"): self._user,
            ("GET", "/search/:query"): self._user,
            ("GET", "/codes/:id"): self._code,
            ("POST", "/relationships"): self._relate,
            ("GET", "/friends"): self._friends,
            ("GET", "/blocking_users"): self._blocking,
        }

    async def _me(self, call: Call) -> Any:
        return {"data": me_view(call.user, call.origin)}

    async def _update_me(self, call: Call) -> Any:
        profile: _Profile = read_body(call.body or b"{}", _Profile)
        picture = read_base64("avatar_base64", profile.avatar_base64)
        user = call.user
        if profile.full_name is not None:
            limit = self._settings.full_name_length
            if not 0 < len(profile.full_name.strip()) <= limit:
                raise bad_field("full_name", f"should have 1 to {limit} characters")
            user = user._replace(full_name=profile.full_name.strip())
        if profile.biography is not None:
            limit = self._settings.biography_length
            if len(profile.biography) > limit:
                raise bad_field("biography", f"should have at most {limit} characters")
            user = user._replace(biography=profile.biography)
        if picture:
            avatar_id = await self._avatars.receive(_whole(picture), field="avatar_base64")
            user = self._avatars.give(user, avatar_id)
        elif user != call.user:
            self._store.update_user(user)
        return {"data": me_view(user, call.origin)}

    async def _user(self, call: Call) -> Any:
        """Answer with a user by id or identity number; nobody here has a phone number."""
        (query,) = call.parameters
        user = self._find(query.strip().lower())
        if user is None:
            raise not_found(f"there is no user {query[:100]}")
        return {"data": self._relationships.view(call.user, user, call.origin)}

    def _find(self, query: str) -> User | None:
        return self._store.user(query) if is_uuid(query) else self._store.user_by_number(query)

    async def _fetch(self, call: Call) -> Any:
        ids = [read_id("user_ids", one) for one in read_body(call.body, list[str])]
        users = map(self._store.user, dict.fromkeys(ids))
        shown = (self._relationships.view(call.user, user, call.origin) for user in users if user)
        return {"data": list(shown)}

    async def _code(self, call: Call) -> Any:
        (code_id,) = call.parameters
        user = self._store.user_by_code(code_id.lower())
        if user is not None:
            return {"data": self._relationships.view(call.user, user, call.origin)}
        conversation = self._store.conversation_by_code(code_id.lower())
        if conversation is None:
            raise not_found(f"there is no code {code_id[:100]}, or no longer")
        sessions = self._directory.live_sessions(conversation)
        return {"data": conversation_view(conversation, sessions, call.user.user_id)}

    async def _relate(self, call: Call) -> Any:
        asked: _Relationship = read_body(call.body, _Relationship)
        other = self._relationships.change(
            call.user,
            read_id("user_id", asked.user_id),
            asked.action.upper(),  # one client writes Remove [C]
        )
        return {"data": self._relationships.view(call.user, other, call.origin)}

    async def _friends(self, call: Call) -> Any:
        return {"data": self._relationships.views(call.user, FRIEND, call.origin)}

    async def _blocking(self, call: Call) -> Any:
        return {"data": self._relationships.views(call.user, BLOCKING, call.origin)}


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
