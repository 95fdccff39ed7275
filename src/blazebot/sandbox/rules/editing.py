"""Messages that change others: recalls and pins (protocol section 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.drafts import Draft
from blazebot.sandbox.rules.refusals import forbidden
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import GROUP, Conversation, StoredMessage
from blazebot.sandbox.storage.store import Store
from blazebot.wire.content import Content, Pin, Recall, decode_bytes

__all__ = ["Editing"]

_EDITS: Final = frozenset({Recall.CATEGORY, Pin.CATEGORY})

_LEADING: Final = ("OWNER", "ADMIN")


class Editing:
    """Does what recalls and pins say.

    ``on_recall`` is called with each message before it is recalled.
    """

    def __init__(
        self,
        store: Store,
        clocks: Clocks,
        settings: SandboxSettings,
        *,
        on_recall: Callable[[StoredMessage], None],
    ) -> None:
        self._store = store
        self._clocks = clocks
        self._settings = settings
        self._on_recall = on_recall

    def check(self, sender_id: str, draft: Draft, conversation: Conversation) -> None:
        """Check that the sender may change what a draft would change, if anything.

        Raises:
            ServiceError: 403: not theirs to change, or there is no such message here.
        """
        if draft.category not in _EDITS:
            return
        content = decode_bytes(draft.category, draft.data)
        leads = _leads(sender_id, conversation)
        messages = self._named(content, conversation)
        if isinstance(content, Recall) and not (leads and self._settings.admins_recall):
            if any(one is not None and one.user_id != sender_id for one in messages):
                raise forbidden("only who sent a message, or who leads a group, can recall it")
        elif isinstance(content, Pin) and not (leads or self._may_pin(conversation)):
            raise forbidden("only who leads a group can pin messages")
        if None in messages:
            raise forbidden("there is no such message in the conversation")

    def apply(self, draft: Draft, conversation: Conversation) -> None:
        """Change what a draft that was taken changes, if anything."""
        if draft.category not in _EDITS:
            return
        content = decode_bytes(draft.category, draft.data)
        for message in self._named(content, conversation):
            if message is None or message.is_gone:
                continue
            if isinstance(content, Recall):
                self._on_recall(message)
                self._edit(replace(message, data=b"", mentions="", recalled=1, pinned=0))
            elif isinstance(content, Pin) and message.pinned != (content.action == "PIN"):
                self._edit(replace(message, pinned=1 - message.pinned))

    def _named(self, content: Content, conversation: Conversation) -> list[StoredMessage | None]:
        """Return the messages that a recall or pin names, None for what is not here."""
        if isinstance(content, Recall):
            names: tuple[str, ...] = (content.message_id,)
        else:
            names = content.message_ids if isinstance(content, Pin) else ()
        found = (self._store.messages.find(name.lower()) for name in names)
        where = conversation.conversation_id
        return [one if one and one.conversation_id == where else None for one in found]

    def _may_pin(self, conversation: Conversation) -> bool:
        return conversation.category != GROUP or self._settings.members_pin

    def _edit(self, message: StoredMessage) -> None:
        self._store.messages.edit(
            replace(message, updated_at=self._clocks.now(), changed=self._store.next_position())
        )


def _leads(user_id: str, conversation: Conversation) -> bool:
    """Tell whether somebody is the owner or an admin of a group."""
    participant = conversation.participants.get(user_id)
    return participant is not None and participant.role in _LEADING
