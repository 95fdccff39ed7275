"""The control API's part on conversations: groups, and what people change of them."""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import asdict

from blazebot.sandbox.control.actions import Actions
from blazebot.sandbox.control.answers import (
    ConversationDocument,
    ConversationList,
    ConversationSummary,
)
from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.control.requests import (
    Duration,
    GroupChange,
    GroupCode,
    MemberChange,
    NewGroup,
    PersonGroup,
)
from blazebot.sandbox.rules.drafts import read_id
from blazebot.sandbox.rules.groups import Groups
from blazebot.sandbox.rules.refusals import CONFLICT, bad_field
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.storage.rows import Conversation, User

__all__ = ["ConversationOperations"]


class ConversationOperations:
    """Operations on conversations."""

    def __init__(self, actions: Actions, service: Service, groups: Groups) -> None:
        self._actions = actions
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._groups = groups

    def operations(self) -> list[Operation]:
        """Return the operations."""
        conversations, join = "/people/{person_id}/conversations", "/people/{person_id}/join"
        one = f"{conversations}/{{conversation_id}}"
        shown = ConversationDocument
        full = (CONFLICT,)
        return [
            Operation("POST", "/groups", self._create_for, body=NewGroup, answer=shown),
            Operation("GET", conversations, self._list, answer=ConversationList),
            Operation("POST", conversations, self._create, body=PersonGroup, answer=shown),
            Operation("GET", one, self._show, answer=ConversationSummary),
            Operation("POST", join, self._join, body=GroupCode, answer=shown, refusals=full),
            Operation("POST", one, self._update, body=GroupChange, answer=shown),
            Operation(
                "POST",
                f"{one}/participants",
                self._change_members,
                body=MemberChange,
                answer=shown,
                refusals=full,
            ),
            Operation("POST", f"{one}/exit", self._exit, answer=shown),
            Operation("POST", f"{one}/rotate", self._rotate, answer=shown),
            Operation("POST", f"{one}/mute", self._mute, body=Duration, answer=shown),
            Operation("POST", f"{one}/disappear", self._disappear, body=Duration, answer=shown),
        ]

    async def _create_for(self, _: web.Request, new: NewGroup) -> ConversationDocument:
        """Create a group of anybody's, a bot's too."""
        creator = self._store.user(new.creator_id.lower())
        if creator is None:
            raise bad_field("creator_id", f"there is no user {new.creator_id}")
        group = self._directory.group(
            creator, new.participants, name=new.name, announcement=new.announcement
        )
        return self._actions.conversation_document(group)

    async def _list(self, request: web.Request, _: None) -> ConversationList:
        """List a person's conversations, with what is unread and the newest message of each.

        A recall counts as neither: the message that it took back says so itself.
        """
        person = self._person(request)
        ids = self._store.conversation_ids(person.user_id)
        unread = self._store.messages.count_unread(person.user_id)
        return ConversationList([self._summary(person, id_, unread.get(id_, 0)) for id_ in ids])

    async def _show(self, request: web.Request, _: None) -> ConversationSummary:
        """Show a person one of their conversations, as in the list of all."""
        person, id_ = self._person(request), _id_of(request)
        unread = self._store.messages.count_unread(person.user_id)
        return self._summary(person, id_, unread.get(id_, 0))

    def _summary(self, person: User, conversation_id: str, unread: int) -> ConversationSummary:
        conversation = self._directory.conversation_of(person.user_id, conversation_id)
        newest = self._service.sightings.newest(person, conversation_id)
        document = self._actions.conversation_document(conversation, person.user_id)
        return ConversationSummary(
            **asdict(document),
            unread=unread,
            last_message=newest,
        )

    async def _create(self, request: web.Request, new: PersonGroup) -> ConversationDocument:
        """Let a person create a group."""
        person = self._person(request)
        group = self._directory.group(
            person, new.participants, name=new.name, announcement=new.announcement
        )
        return self._document(group, person)

    async def _join(self, request: web.Request, code: GroupCode) -> ConversationDocument:
        """Let a person join the group with this code."""
        person = self._person(request)
        return self._document(self._groups.join(person, code.code_id), person)

    async def _update(self, request: web.Request, change: GroupChange) -> ConversationDocument:
        """Let a person change a group's name or announcement."""
        person = self._person(request)
        group = self._groups.update(
            person, _id_of(request), name=change.name, announcement=change.announcement
        )
        return self._document(group, person)

    async def _change_members(
        self, request: web.Request, change: MemberChange
    ) -> ConversationDocument:
        """Let a person add others to a group, remove them, or give them roles."""
        person, group_id = self._person(request), _id_of(request)
        roles = {read_id("participants", one.user_id): one.role for one in change.participants}
        if change.action == "ADD":
            group = self._groups.add(person, group_id, list(roles))
        elif change.action == "REMOVE":
            group = self._groups.remove(person, group_id, list(roles))
        else:
            group = self._groups.set_roles(person, group_id, roles)
        return self._document(group, person)

    async def _exit(self, request: web.Request, _: None) -> ConversationDocument:
        """Let a person leave a group."""
        person = self._person(request)
        return self._document(self._groups.exit(person, _id_of(request)), person)

    async def _rotate(self, request: web.Request, _: None) -> ConversationDocument:
        """Let a person give a group a new code."""
        person = self._person(request)
        return self._document(self._groups.rotate(person, _id_of(request)), person)

    async def _mute(self, request: web.Request, asked: Duration) -> ConversationDocument:
        """Let a person mute a conversation for themselves."""
        person = self._person(request)
        return self._document(self._groups.mute(person, _id_of(request), asked.duration), person)

    async def _disappear(self, request: web.Request, asked: Duration) -> ConversationDocument:
        """Let a person set when the messages of a conversation disappear."""
        person = self._person(request)
        changed = self._groups.disappear(person, _id_of(request), asked.duration)
        return self._document(changed, person)

    def _document(self, conversation: Conversation, person: User) -> ConversationDocument:
        return self._actions.conversation_document(conversation, person.user_id)

    def _person(self, request: web.Request) -> User:
        return self._directory.person(request.match_info["person_id"])


def _id_of(request: web.Request) -> str:
    return request.match_info["conversation_id"].lower()
