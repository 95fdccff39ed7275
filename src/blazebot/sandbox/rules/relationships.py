"""What users have made of each other: friends, strangers, blocked (protocol section 9)."""

from __future__ import annotations

from typing import Any, Final

from blazebot.sandbox.rules.refusals import bad_field
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.views import user_view
from blazebot.sandbox.storage.rows import BLOCKING, FRIEND, User

__all__ = ["ACTIONS", "Relationships"]

ME: Final = "ME"
STRANGER: Final = "STRANGER"

ACTIONS: Final = ("ADD", "REMOVE", "BLOCK", "UNBLOCK")


class Relationships:
    """Reads and changes relationships."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = service.store

    def view(self, viewer: User, user: User, origin: str) -> dict[str, Any]:
        """Return a user as ``viewer`` sees them who called ``origin``, with ``relationship``."""
        relationship = self.between(viewer.user_id, user.user_id)
        return user_view(user, origin) | {"relationship": relationship}

    def views(self, viewer: User, kind: str, origin: str) -> list[dict[str, Any]]:
        """Return all whom ``viewer`` has made ``FRIEND`` or ``BLOCKING``."""
        users = map(self._store.user, self._store.related(viewer.user_id, kind))
        return [self.view(viewer, user, origin) for user in users if user is not None]

    def between(self, user_id: str, other_id: str) -> str:
        """Return what ``other_id`` is to ``user_id``: ME, FRIEND, BLOCKING or STRANGER."""
        if user_id == other_id:
            return ME
        return self._store.relationship(user_id, other_id) or STRANGER

    def change(self, user: User, other_id: str, action: str) -> User:
        """Do one of ``ACTIONS`` and return the other user.

        Who blocks somebody is no friend of theirs any more; who unblocks them finds a stranger. A
        person who adds a bot greets it [S].

        Raises:
            ServiceError: 10002, there is no such action or user, or it is the user themselves.
        """
        if action not in ACTIONS:
            raise bad_field("action", f"should be one of {', '.join(ACTIONS)}")
        other = self._store.user(other_id.lower())
        if other is None:
            raise bad_field("user_id", f"there is no user {other_id}")
        if other.user_id == user.user_id:
            raise bad_field("user_id", "should be somebody else")
        if action == "ADD" and other.is_bot and not user.is_bot:
            self._service.befriend(user, other)
            return other
        before = self._store.relationship(user.user_id, other.user_id)
        after = {"ADD": FRIEND, "BLOCK": BLOCKING}.get(action, "")
        ends = {"REMOVE": FRIEND, "UNBLOCK": BLOCKING}.get(action, before)
        if before == ends and after != before:
            self._store.relate(user.user_id, other.user_id, after, self._service.clocks.now())
        return other
