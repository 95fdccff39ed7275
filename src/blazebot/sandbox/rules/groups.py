"""What those who are in a conversation may change of it (protocol section 9).

Each change returns the conversation as it is then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from blazebot.sandbox.rules.directory import check_group_texts
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import bad_field, forbidden, group_full, not_found
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.storage.rows import GROUP, Conversation, Participant, User
from blazebot.wire.limits import PARTICIPANTS_LIMIT

__all__ = ["Groups"]

OWNER: Final = "OWNER"
ADMIN: Final = "ADMIN"
MEMBER: Final = ""

_DISAPPEAR_LIMIT: Final = 12 * 7 * 24 * 3600  # seconds [D]
_MUTE_LIMIT: Final = 100 * 366 * 24 * 3600  # seconds: what dates can tell


class Groups:
    """Changes conversations for those who are in them.

    All methods raise ServiceError: 403, the actor is not in the conversation, or may not do this;
    10002, a field is bad.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = service.store
        self._directory = service.directory
        self._clocks = service.clocks
        self._settings = service.settings

    def update(
        self,
        actor: User,
        conversation_id: str,
        *,
        name: str | None = None,
        announcement: str | None = None,
    ) -> Conversation:
        """Change what is given of a group: name and announcement; owner or admin only [D]."""
        group = self._governed(actor, conversation_id)
        check_group_texts(name or "", announcement or "")
        if name is not None:
            group = group._replace(name=name)
        if announcement is not None:
            group = group._replace(announcement=announcement)
        if self._write(group):
            self._service.conversation_changed(group, "UPDATE", "", actor.user_id)
        return group

    def add(self, actor: User, conversation_id: str, user_ids: Sequence[str]) -> Conversation:
        """Add users to a group; owner or admin only [D]. Those who are in it stay as they are.

        Raises:
            ServiceError: 20116, the group would be too large.
        """
        group = self._governed(actor, conversation_id)
        return self._add(actor, group, [self._user(user_id) for user_id in user_ids], "ADD")

    def remove(self, actor: User, conversation_id: str, user_ids: Sequence[str]) -> Conversation:
        """Remove users from a group; owner or admin only [D]. Those who are not in it do not count.

        Nobody removes the owner, or themselves: they exit.
        """
        group = self._governed(actor, conversation_id)
        gone = [group.participants[id_] for id_ in user_ids if id_ in group.participants]
        mine = group.participants[actor.user_id]
        for one in gone:
            if one.user_id == actor.user_id:
                raise bad_field("participants", "who leaves a group calls exit")
            if one.role == OWNER:
                raise forbidden("nobody removes the owner")
            if one.role == mine.role == ADMIN and not self._settings.admins_remove_admins:
                raise forbidden("an admin does not remove another one")
        return self._remove(actor, group, [one.user_id for one in gone], "REMOVE")

    def set_roles(
        self, actor: User, conversation_id: str, roles: Mapping[str, str]
    ) -> Conversation:
        """Make participants admins, or members with an empty role; owner only [D]."""
        group = self._group(actor, conversation_id)
        if group.participants[actor.user_id].role != OWNER:
            raise forbidden("only the owner gives roles")
        participants = dict(group.participants)
        for user_id, role in roles.items():
            if role not in (ADMIN, MEMBER):
                raise bad_field("role", f"should be {ADMIN} or empty")
            if user_id not in participants:
                raise bad_field("participants", f"{user_id} is not in the group")
            if participants[user_id].role == OWNER:
                raise forbidden("the owner stays the owner")
            participants[user_id] = participants[user_id]._replace(role=role)
        changed = [one for id_, one in participants.items() if one != group.participants[id_]]
        group = group._replace(participants=participants)
        self._write(group)
        for one in changed:
            self._service.conversation_changed(
                group, "ROLE", one.user_id, actor.user_id, role=one.role
            )
        return group

    def exit(self, actor: User, conversation_id: str) -> Conversation:
        """Leave a group. An owner has a successor only if ``owner_has_successor`` [A]."""
        group = self._group(actor, conversation_id)
        was_owner = group.participants[actor.user_id].role == OWNER
        group = self._remove(actor, group, [actor.user_id], "EXIT")
        if was_owner and group.participants and self._settings.owner_has_successor:
            group = self._succeed(actor, group)
        return group

    def exit_all(self, actor: User) -> None:
        """Leave all groups."""
        for conversation_id in self._store.conversation_ids(actor.user_id):
            conversation = self._directory.conversation_of(actor.user_id, conversation_id)
            if conversation.category == GROUP:
                self.exit(actor, conversation_id)

    def rotate(self, actor: User, conversation_id: str) -> Conversation:
        """Give a group a new code; owner or admin only. The old one lets nobody join any more."""
        group = self._governed(actor, conversation_id)
        group = group._replace(code_id=new_id())
        self._write(group)
        return group

    def join(self, actor: User, code_id: str) -> Conversation:
        """Join the group with this code.

        Raises:
            ServiceError: 404, there is none, or no longer; 20116, it is full.
        """
        group = self._store.conversation_by_code(code_id.lower())
        if group is None:
            raise not_found(f"there is no group with the code {code_id[:100]}, or no longer")
        if group.category != GROUP:
            raise forbidden("this is not the code of a group")
        return self._add(actor, group, [actor], "JOIN")

    def mute(self, actor: User, conversation_id: str, duration: int) -> Conversation:
        """Mute a conversation for the actor for ``duration`` seconds; 0 unmutes it."""
        conversation = self._directory.conversation_of(actor.user_id, conversation_id)
        _check_duration(duration, _MUTE_LIMIT)
        until = self._clocks.now() + duration * 1_000_000_000 if duration else 0
        mine = conversation.participants[actor.user_id]._replace(mute_until=until)
        participants = conversation.participants | {actor.user_id: mine}
        conversation = conversation._replace(participants=participants)
        self._write(conversation)
        return conversation

    def disappear(self, actor: User, conversation_id: str, duration: int) -> Conversation:
        """Let messages disappear ``duration`` seconds after they are read; 0 lets them stay.

        In a group owner or admin only, unless ``members_set_disappear`` [A].
        """
        conversation = self._directory.conversation_of(actor.user_id, conversation_id)
        if conversation.category == GROUP and not self._settings.members_set_disappear:
            conversation = self._governed(actor, conversation_id)
        _check_duration(duration, _DISAPPEAR_LIMIT)
        conversation = conversation._replace(expire_in=duration)
        if self._write(conversation):
            self._service.conversation_changed(
                conversation, "EXPIRE", "", actor.user_id, expire_in=duration
            )
        return conversation

    def _group(self, actor: User, conversation_id: str) -> Conversation:
        """Return a group that the actor is in."""
        conversation = self._directory.conversation_of(actor.user_id, conversation_id)
        if conversation.category != GROUP:
            raise forbidden("a conversation of two stays as it is")
        return conversation

    def _governed(self, actor: User, conversation_id: str) -> Conversation:
        """Return a group that the actor owns or is an admin of."""
        group = self._group(actor, conversation_id)
        if group.participants[actor.user_id].role not in (OWNER, ADMIN):
            raise forbidden("only the owner and admins do this")
        return group

    def _user(self, user_id: str) -> User:
        user = self._store.user(user_id)
        if user is None:
            raise bad_field("participants", f"there is no user {user_id}")
        return user

    def _add(
        self, actor: User, group: Conversation, users: Sequence[User], action: str
    ) -> Conversation:
        now, joined = self._clocks.now(), self._store.position
        added = {
            user.user_id: Participant(user.user_id, user.kind, MEMBER, joined, now)
            for user in users
            if user.user_id not in group.participants
        }
        group = group._replace(participants=group.participants | added)
        if len(group.participants) > PARTICIPANTS_LIMIT:
            raise group_full(PARTICIPANTS_LIMIT)
        self._write(group)
        for user_id in added:
            self._service.conversation_changed(group, action, user_id, actor.user_id)
        return group

    def _remove(
        self, actor: User, group: Conversation, user_ids: Sequence[str], action: str
    ) -> Conversation:
        left = {id_: one for id_, one in group.participants.items() if id_ not in user_ids}
        group = group._replace(participants=left)
        self._write(group)
        for user_id in user_ids:
            self._service.conversation_changed(group, action, user_id, actor.user_id)
        return group

    def _succeed(self, actor: User, group: Conversation) -> Conversation:
        """Make who comes next the owner of a group whose owner, the actor, has left."""
        heir = min(group.participants.values(), key=lambda one: (one.role != ADMIN, one.joined))
        participants = group.participants | {heir.user_id: heir._replace(role=OWNER)}
        group = group._replace(participants=participants)
        self._write(group)
        self._service.conversation_changed(group, "ROLE", heir.user_id, actor.user_id, role=OWNER)
        return group

    def _write(self, changed: Conversation) -> bool:
        """Write a conversation; return whether it was another one."""
        if changed == self._store.conversation(changed.conversation_id):
            return False
        self._store.update_conversation(changed)
        return True


def _check_duration(seconds: int, limit: int) -> None:
    if not 0 <= seconds <= limit:
        raise bad_field("duration", f"should be a number of seconds from 0 to {limit}")
