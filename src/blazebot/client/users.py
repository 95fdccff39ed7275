"""Users by REST: oneself, others, relationships, sessions (protocol section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from blazebot.client.calls import Calls
from blazebot.client.fields import checked_id, checked_ids, segment
from blazebot.client.views import Conversation, Me, Session, User
from blazebot.errors import AnswerError
from blazebot.wire.base64 import encode_padded_base64

__all__ = ["Users"]


class _Profile(msgspec.Struct, omit_defaults=True):
    full_name: str | None = None
    biography: str | None = None
    avatar_base64: str | None = None


class _Relationship(msgspec.Struct):
    user_id: str
    action: Literal["ADD", "REMOVE", "BLOCK", "UNBLOCK"]


class Users(Calls):
    """What REST offers about users. Each method raises as :meth:`Calls.ask`.

    RequestError stands for an argument that the service would not take; nothing has left then.
    """

    async def me(self) -> Me:
        """Return the caller's own user [D]."""
        return await self.ask(Me, "GET", "/me")

    async def safe_me(self) -> Me:
        """Return the caller's own user as ``GET /safe/me`` shows it [D]."""
        return await self.ask(Me, "GET", "/safe/me")

    async def update_me(
        self,
        *,
        full_name: str | None = None,
        biography: str | None = None,
        avatar: bytes | None = None,
    ) -> Me:
        """Change what is given of the caller's own profile; ``avatar`` is a picture's bytes [D]."""
        picture = None if avatar is None else encode_padded_base64(avatar)
        return await self.ask(Me, "POST", "/me", _Profile(full_name, biography, picture))

    async def user(self, user_id: str) -> User:
        """Return a user by id, or by identity number [C]; NotFound if there is none."""
        return await self.ask(User, "GET", f"/users/{segment('user_id', user_id)}")

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        """Return these users, without those that there are not [D]."""
        ids = checked_ids("user_ids", user_ids)
        return await self.ask_all(User, "POST", "/users/fetch", ids) if ids else []

    async def search(self, query: str) -> User:
        """Return the user with this identity number or phone number [D]; NotFound if none."""
        return await self.ask(User, "GET", f"/search/{segment('query', query)}")

    async def code(self, code_id: str) -> User | Conversation | dict[str, Any]:
        """Return what a code such as that of a ``mixin://codes/`` address stands for [D].

        That is a user, a conversation, or the JSON object of anything else, such as a payment,
        with its ``type``.
        """
        path = f"/codes/{segment('code_id', code_id)}"
        document = await self.ask(dict[str, Any], "GET", path)
        kinds: dict[Any, type[User | Conversation]] = {"user": User, "conversation": Conversation}
        kind = kinds.get(str(document.get("type")))
        try:
            return document if kind is None else msgspec.convert(document, kind, strict=False)
        except msgspec.ValidationError as error:
            raise AnswerError(f"GET {path}: not the documented form: {error}") from None

    # Relationships

    async def friends(self) -> list[User]:
        """Return the caller's contacts [D]."""
        return await self.ask_all(User, "GET", "/friends")

    async def blocking_users(self) -> list[User]:
        """Return whom the caller has blocked [D]."""
        return await self.ask_all(User, "GET", "/blocking_users")

    async def add_friend(self, user_id: str) -> User:
        """Make somebody a contact; returns them [D]."""
        return await self._relate(_Relationship(user_id, "ADD"))

    async def remove_friend(self, user_id: str) -> User:
        """Make somebody a stranger again; returns them [D]."""
        return await self._relate(_Relationship(user_id, "REMOVE"))

    async def block(self, user_id: str) -> User:
        """Block somebody; returns them [D]."""
        return await self._relate(_Relationship(user_id, "BLOCK"))

    async def unblock(self, user_id: str) -> User:
        """Unblock somebody; returns them [D]."""
        return await self._relate(_Relationship(user_id, "UNBLOCK"))

    async def _relate(self, relationship: _Relationship) -> User:
        relationship.user_id = checked_id("user_id", relationship.user_id)
        return await self.ask(User, "POST", "/relationships", relationship)

    # Sessions

    async def fetch_sessions(self, user_ids: Sequence[str]) -> list[Session]:
        """Return all sessions of these users, to encrypt for [D]."""
        ids = checked_ids("user_ids", user_ids)
        return await self.ask_all(Session, "POST", "/sessions/fetch", ids) if ids else []
