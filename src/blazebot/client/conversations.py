"""Conversations by REST (protocol section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import msgspec

from blazebot.client.calls import Calls
from blazebot.client.fields import (
    checked_id,
    checked_ids,
    checked_seconds,
    checked_text,
    segment,
)
from blazebot.client.views import ADMIN, CONTACT, GROUP, MEMBER, Conversation
from blazebot.errors import RequestError
from blazebot.wire.ids import contact_conversation_id, group_conversation_id
from blazebot.wire.limits import PARTICIPANTS_LIMIT

__all__ = ["ANNOUNCEMENT_LENGTH", "DISAPPEAR_LIMIT", "NAME_LENGTH", "Conversations"]

NAME_LENGTH: Final = 512
"""Characters of a group's name [D]."""

ANNOUNCEMENT_LENGTH: Final = 1024
"""Characters of a group's announcement [D]."""

DISAPPEAR_LIMIT: Final = 12 * 7 * 24 * 3600
"""Seconds after which messages may be set to disappear at the latest [D]."""


class _Participant(msgspec.Struct, omit_defaults=True):
    user_id: str
    role: str | None = None


class _NewConversation(msgspec.Struct, omit_defaults=True):
    category: str
    conversation_id: str
    participants: list[_Participant]
    name: str | None = None
    announcement: str | None = None
    random_id: str | None = None


class _Changes(msgspec.Struct, omit_defaults=True):
    name: str | None = None
    announcement: str | None = None


class _Duration(msgspec.Struct):
    duration: int


class Conversations(Calls):
    """What REST offers about conversations. Each method raises as :meth:`Calls.ask`.

    RequestError stands for an argument that the service would not take; nothing has left then.
    """

    @property
    def app_id(self) -> str:
        """The user id of the bot that calls."""
        raise NotImplementedError

    async def create_contact(self, user_id: str) -> Conversation:
        """Create the conversation with a user, whose id is derived from both users' [D].

        That it exists already is no error. It needs the bot's own token [S].
        """
        user_id = checked_id("user_id", user_id)
        return await self._create(
            _NewConversation(
                CONTACT, contact_conversation_id(self.app_id, user_id), [_Participant(user_id)]
            )
        )

    async def create_group(
        self,
        name: str,
        user_ids: Sequence[str],
        *,
        announcement: str = "",
        random_id: str | None = None,
    ) -> Conversation:
        """Create a group of the bot, its owner, and these users [D].

        Its id is derived from name, participants and ``random_id``, a UUID: with the same values
        it is the same group, so pass one where a program may run again. Without it a fresh one is
        used, and a new group made.
        """
        if not name.strip():
            raise RequestError("name", "a group needs one")
        ids = checked_ids("user_ids", user_ids)
        others = [user_id for user_id in ids if user_id != self.app_id]
        if len(others) >= PARTICIPANTS_LIMIT:
            raise RequestError(
                "user_ids", f"at most {PARTICIPANTS_LIMIT} participants with the bot itself"
            )
        random_id = str(uuid4()) if random_id is None else checked_id("random_id", random_id)
        return await self._create(
            _NewConversation(
                GROUP,
                group_conversation_id(self.app_id, name, others, random_id),
                [_Participant(user_id) for user_id in others],
                checked_text("name", name, NAME_LENGTH),
                checked_text("announcement", announcement, ANNOUNCEMENT_LENGTH) or None,
                random_id,
            )
        )

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation that the caller is in; NotFound or Forbidden otherwise."""
        return await self.ask(Conversation, "GET", _path(conversation_id))

    async def members(self, conversation_id: str) -> list[str]:
        """Return the user ids of those who are in a conversation; raises as the above."""
        conversation = await self.conversation(conversation_id)
        return [one.user_id for one in conversation.participants]

    async def update_conversation(
        self, conversation_id: str, *, name: str | None = None, announcement: str | None = None
    ) -> Conversation:
        """Change what is given of a group; owner or admin only [D]."""
        if name is not None:
            checked_text("name", name, NAME_LENGTH)
        if announcement is not None:
            checked_text("announcement", announcement, ANNOUNCEMENT_LENGTH)
        return await self.ask(
            Conversation, "POST", _path(conversation_id), _Changes(name, announcement)
        )

    # Participants

    async def add_participants(self, conversation_id: str, user_ids: Sequence[str]) -> Conversation:
        """Add users to a group; owner or admin only [D]. GroupFull beyond 256."""
        return await self._participants(conversation_id, "ADD", user_ids)

    async def remove_participants(
        self, conversation_id: str, user_ids: Sequence[str]
    ) -> Conversation:
        """Remove users from a group; owner or admin only [D]."""
        return await self._participants(conversation_id, "REMOVE", user_ids)

    async def set_role(
        self, conversation_id: str, user_ids: Sequence[str], role: str
    ) -> Conversation:
        """Make participants of a group ``ADMIN``, or with an empty role members; owner only [D]."""
        if role not in (ADMIN, MEMBER):
            raise RequestError("role", f"should be {ADMIN!r} or {MEMBER!r}, not {role!r:.40}")
        return await self._participants(conversation_id, "ROLE", user_ids, role)

    async def join(self, code_id: str) -> Conversation:
        """Join the group whose ``code_id`` this is; GroupFull if it has 256 participants [D]."""
        path = f"/conversations/{segment('code_id', code_id)}/join"
        return await self.ask(Conversation, "POST", path)

    async def exit(self, conversation_id: str) -> None:
        """Leave a group [D]."""
        await self.call("POST", _path(conversation_id, "exit"))

    # Settings

    async def rotate(self, conversation_id: str) -> Conversation:
        """Give a group a new code, so that the old one lets nobody join; returns it with it [D]."""
        return await self.ask(Conversation, "POST", _path(conversation_id, "rotate"))

    async def mute(self, conversation_id: str, duration: int) -> Conversation:
        """Mute a conversation for the caller for ``duration`` seconds; 0 unmutes it [D]."""
        return await self._set_duration(
            conversation_id, "mute", checked_seconds("duration", duration)
        )

    async def disappear(self, conversation_id: str, duration: int) -> Conversation:
        """Let messages of a conversation disappear ``duration`` seconds after they are read.

        At most 12 weeks; 0 lets them stay [D].
        """
        checked_seconds("duration", duration, DISAPPEAR_LIMIT)
        return await self._set_duration(conversation_id, "disappear", duration)

    async def _create(self, conversation: _NewConversation) -> Conversation:
        return await self.ask(Conversation, "POST", "/conversations", conversation)

    async def _participants(
        self, conversation_id: str, action: str, user_ids: Sequence[str], role: str | None = None
    ) -> Conversation:
        ids = checked_ids("user_ids", user_ids, PARTICIPANTS_LIMIT)
        if not ids:
            raise RequestError("user_ids", "at least one")
        participants = [_Participant(user_id, role) for user_id in ids]
        path = _path(conversation_id, "participants", action)
        return await self.ask(Conversation, "POST", path, participants)

    async def _set_duration(self, conversation_id: str, name: str, duration: int) -> Conversation:
        path = _path(conversation_id, name)
        return await self.ask(Conversation, "POST", path, _Duration(duration))


def _path(conversation_id: str, *rest: str) -> str:
    return "/".join(("/conversations", checked_id("conversation_id", conversation_id), *rest))
