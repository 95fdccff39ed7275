"""Conversations by REST: created, read, and changed by who is in them (protocol section 9)."""

from __future__ import annotations

from typing import Any

import msgspec

from blazebot.sandbox.rest.calls import Call, Endpoints, read_body
from blazebot.sandbox.rules.drafts import read_id, read_optional_id
from blazebot.sandbox.rules.groups import Groups
from blazebot.sandbox.rules.refusals import bad_field, not_found
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.views import conversation_view
from blazebot.sandbox.storage.rows import CONTACT, GROUP, Conversation
from blazebot.wire.ids import contact_conversation_id

__all__ = ["ConversationEndpoints"]


class _Participant(msgspec.Struct):
    """Requests may carry times too, even unset ones [C]; they mean nothing here."""

    user_id: str
    role: str | None = None


class _NewConversation(msgspec.Struct):
    category: str
    conversation_id: str
    participants: list[_Participant] = []
    name: str | None = None
    announcement: str | None = None
    random_id: str | None = None


class _Changes(msgspec.Struct):
    name: str | None = None
    announcement: str | None = None


class _Duration(msgspec.Struct):
    duration: int = 0


class ConversationEndpoints:
    """The endpoints of conversations."""

    def __init__(self, service: Service, groups: Groups) -> None:
        self._store = service.store
        self._directory = service.directory
        self._groups = groups

    def endpoints(self) -> Endpoints:
        """Return the endpoints."""
        path = "/conversations/:id"
        return {
            ("POST", "/conversations"): self._create,
            ("GET", path): self._show,
            ("POST", path): self._update,
            ("POST", f"{path}/participants/ADD"): self._add,
            ("POST", f"{path}/participants/REMOVE"): self._remove,
            ("POST", f"{path}/participants/ROLE"): self._set_roles,
            ("POST", f"{path}/exit"): self._exit,
            ("POST", f"{path}/rotate"): self._rotate,
            ("POST", f"{path}/mute"): self._mute,
            ("POST", f"{path}/disappear"): self._disappear,
            ("POST", "/conversations/:code_id/join"): self._join,
        }

    async def _create(self, call: Call) -> Any:
        request: _NewConversation = read_body(call.body, _NewConversation)
        conversation_id = read_id("conversation_id", request.conversation_id)
        participant_ids = _ids(request.participants)
        if request.category == CONTACT:
            conversation = self._create_contact(call, conversation_id, participant_ids)
        elif request.category == GROUP:
            conversation = self._directory.group(
                call.user,
                participant_ids,
                name=request.name or "",
                announcement=request.announcement or "",
                conversation_id=conversation_id,
                random_id=read_optional_id("random_id", request.random_id),
            )
        else:
            raise bad_field("category", f"should be {CONTACT} or {GROUP}")
        return self._answer(call, conversation)

    def _create_contact(
        self, call: Call, conversation_id: str, participant_ids: list[str]
    ) -> Conversation:
        if len(participant_ids) != 1:
            raise bad_field("participants", "a conversation of two names one, the other user")
        derived = contact_conversation_id(call.user.user_id, participant_ids[0])
        if conversation_id != derived:
            raise bad_field("conversation_id", f"should be {derived}, derived from both ids")
        other = self._store.user(participant_ids[0])
        if other is None:
            raise bad_field("participants", f"there is no user {participant_ids[0]}")
        return self._directory.contact(call.user, other)

    async def _show(self, call: Call) -> Any:
        conversation_id = call.parameters[0].lower()
        if self._store.conversation(conversation_id) is None:
            raise not_found(f"there is no conversation {conversation_id[:100]}")
        conversation = self._directory.conversation_of(call.user.user_id, conversation_id)
        return self._answer(call, conversation)

    async def _update(self, call: Call) -> Any:
        changes: _Changes = read_body(call.body, _Changes)
        return self._answer(
            call,
            self._groups.update(
                call.user, _id(call), name=changes.name, announcement=changes.announcement
            ),
        )

    async def _add(self, call: Call) -> Any:
        return self._answer(call, self._groups.add(call.user, _id(call), _ids(_listed(call))))

    async def _remove(self, call: Call) -> Any:
        return self._answer(call, self._groups.remove(call.user, _id(call), _ids(_listed(call))))

    async def _set_roles(self, call: Call) -> Any:
        roles = {
            read_id("participants", one.user_id): (one.role or "").upper() for one in _listed(call)
        }
        return self._answer(call, self._groups.set_roles(call.user, _id(call), roles))

    async def _exit(self, call: Call) -> Any:
        return self._answer(call, self._groups.exit(call.user, _id(call)))

    async def _rotate(self, call: Call) -> Any:
        return self._answer(call, self._groups.rotate(call.user, _id(call)))

    async def _mute(self, call: Call) -> Any:
        return self._answer(call, self._groups.mute(call.user, _id(call), _duration(call)))

    async def _disappear(self, call: Call) -> Any:
        return self._answer(call, self._groups.disappear(call.user, _id(call), _duration(call)))

    async def _join(self, call: Call) -> Any:
        return self._answer(call, self._groups.join(call.user, call.parameters[0]))

    def _answer(self, call: Call, conversation: Conversation) -> Any:
        sessions = self._directory.live_sessions(conversation)
        return {"data": conversation_view(conversation, sessions, call.user.user_id)}


def _id(call: Call) -> str:
    return call.parameters[0].lower()


def _listed(call: Call) -> list[_Participant]:
    participants: list[_Participant] = read_body(call.body, list[_Participant])
    return participants


def _ids(participants: list[_Participant]) -> list[str]:
    return [read_id("participants", one.user_id) for one in participants]


def _duration(call: Call) -> int:
    duration: _Duration = read_body(call.body or b"{}", _Duration)
    return duration.duration
