"""Who gets a message, and how far it came with each of them (protocol section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from blazebot.errors import ServiceError
from blazebot.sandbox.clocks import SECOND, Clocks
from blazebot.sandbox.rules.drafts import Draft
from blazebot.sandbox.rules.encryption import ENCRYPTED, Encryption
from blazebot.sandbox.rules.views import receipt_view
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import CONTACT, Conversation, Participant, StoredMessage
from blazebot.sandbox.storage.store import Store
from blazebot.wire.frames import ACKNOWLEDGE_MESSAGE_RECEIPT
from blazebot.wire.limits import RETENTION
from blazebot.wire.messages import STATUS_RANK, MessageView

__all__ = ["DELIVERED", "READ", "SENT", "BotLine", "Deliveries"]

SENT, DELIVERED, READ = 0, 1, 2
"""Statuses as ranks."""

_RETENTION: Final = RETENTION * SECOND

_RECEIPTS: Final = 500
"""Receipts in one page."""


class BotLine(Protocol):
    """A bot's live connection, as deliveries need it."""

    @property
    def unacknowledged(self) -> int:
        """How many messages were pushed on it and are not acknowledged."""

    def wake(self) -> None:
        """Look for messages to push."""

    def push(self, action: str, view: MessageView) -> None:
        """Push what is not kept: a receipt."""

    def drop(self, seq: int) -> None:
        """Push a message no more, even if it is about to: it was taken back."""

    def refuse(self, error: ServiceError) -> None:
        """Tell the bot that its session is over, and close."""

    def end(self, code: int, message: str) -> None:
        """Close it."""

    def abort(self, reason: str) -> None:
        """Cut it without a word."""


class Deliveries:
    """Keeps messages for those who are to have them, and moves their statuses forward.

    ``lines`` holds the live connection of each bot; ``watchers`` are called after a commit in which
    any message was created or changed.
    """

    def __init__(
        self, store: Store, clocks: Clocks, settings: SandboxSettings, encryption: Encryption
    ) -> None:
        self._store = store
        self._clocks = clocks
        self._settings = settings
        self._encryption = encryption
        self._waking = False
        self.lines: dict[str, BotLine] = {}
        self.pushed: Counter[str] = Counter()
        """How many messages were pushed to each bot since the start."""
        self.watchers: set[Callable[[], None]] = set()

    # Who gets it

    def recipients(self, sender_id: str, conversation: Conversation) -> list[Participant]:
        """Return who gets what somebody sends to a conversation."""
        everybody = conversation.participants.values()
        sender = conversation.participants.get(sender_id)  # None: left since, or the service
        deaf = sender is not None and sender.is_bot and not self._settings.bots_hear_bots
        return [one for one in everybody if one.user_id != sender_id and not (deaf and one.is_bot)]

    def may_read(self, bot_id: str, data: bytes) -> bool:
        """Tell whether an encrypted message goes to a bot."""
        bot = self._store.user(bot_id)
        return bot is not None and self._encryption.may_read(bot, data)

    def add(
        self,
        sender_id: str,
        session_id: str,
        draft: Draft,
        conversation: Conversation,
        recipient_ids: Iterable[str],
    ) -> tuple[StoredMessage, bool]:
        """Store a message for these users; return it, and whether its id was free."""
        position, now = self._store.next_position(), self._clocks.now()
        message = StoredMessage(
            seq=position,
            message_id=draft.message_id,
            conversation_id=conversation.conversation_id,
            user_id=sender_id,
            session_id=session_id,
            category=draft.category,
            data=draft.data,
            quote_message_id=draft.quote_message_id,
            representative_id=draft.representative_id,
            silent=int(draft.silent),
            expire_in=draft.expire_in,
            created_at=now,
            updated_at=now,
            status=SENT,
            changed=position,
            from_bot=int(self._is_bot(sender_id)),
        )
        if draft.mentions:
            message = replace(message, mentions=" ".join(draft.mentions))
        if draft.expire_in and self._settings.disappear_from == "sent":
            message = replace(message, disappears_at=now + draft.expire_in * SECOND)
        deliveries = [
            (user_id, now + _RETENTION if self._is_bot(user_id) else None)
            for user_id in recipient_ids
        ]
        if not self._store.messages.add(message, deliveries):
            return message, False
        for user_id, _ in deliveries:
            line = self.lines.get(user_id)
            if line is not None:
                self.after_commit(line.wake)
        self.announce()
        return message, True

    def pending(self, bot_id: str, *, after: int, limit: int) -> list[StoredMessage]:
        """Return a page of what a bot has not acknowledged; what is too old is dropped [S]."""
        horizon = self._clocks.now() - _RETENTION
        while True:
            page = self._store.messages.pending(bot_id, after=after, limit=limit)
            kept = [message for message in page if self._is_due(message, bot_id, horizon)]
            if len(kept) < len(page):
                due = {message.seq for message in kept}
                for message in page:
                    if message.seq not in due:
                        self._store.messages.mark_read(bot_id, message.seq)
            if kept or not page:
                return kept
            after = page[-1].seq

    def _is_due(self, message: StoredMessage, bot_id: str, horizon: int) -> bool:
        """Tell whether a pending message is still to be delivered.

        It may have been recalled or have disappeared since the bot left the group, or the bot's
        session, which it was encrypted for, may have ended.
        """
        if message.created_at < horizon or message.is_gone:
            return False
        return not message.category.startswith(ENCRYPTED) or self.may_read(bot_id, message.data)

    def take_back(self, message: StoredMessage) -> None:
        """Deliver a message to nobody any more who is in its conversation."""
        conversation = self._store.conversation(message.conversation_id)
        for user_id in conversation.participants if conversation else ():
            self._store.messages.mark_read(user_id, message.seq)
            line = self.lines.get(user_id)
            if line is not None:
                line.drop(message.seq)

    # How far it came

    def acknowledge(self, user_id: str, message_id: str, status: str | None) -> None:
        """Take a receipt; statuses only move forward [S].

        Receipts that mean nothing here are taken without complaint [C]: for the user's own or
        unknown messages, or with no status or another than DELIVERED and READ.
        """
        rank = STATUS_RANK.get(status or "", SENT)
        message = self._store.messages.find(message_id.lower()) if rank else None
        if message is not None and message.user_id != user_id:
            self._move(user_id, message, rank)

    def receive(
        self, person_id: str, message: StoredMessage, conversation: Conversation
    ) -> StoredMessage:
        """Return a message as it is once this person's client has it."""
        if message.user_id == person_id:
            return message
        if self.status_for(person_id, message, conversation) != SENT:
            return message
        return self._move(person_id, message, DELIVERED)

    def status_for(self, user_id: str, message: StoredMessage, conversation: Conversation) -> int:
        """Return how far a message came, as somebody in the conversation sees it."""
        if message.user_id == user_id or conversation.category == CONTACT:
            return message.status
        return self._store.messages.delivery_status(user_id, message.seq)

    def _move(self, user_id: str, message: StoredMessage, rank: int) -> StoredMessage:
        """Move a message forward for one recipient, and for its sender where that follows.

        Returns the message as it is then.
        """
        messages = self._store.messages
        mark = messages.mark_read if rank == READ else messages.mark_delivered
        if not mark(user_id, message.seq):
            return message
        now = self._clocks.now()
        status = max(message.status, self._status_for_sender(message, rank))
        moved = replace(message, status=status, updated_at=now, changed=self._store.next_position())
        if message.expire_in and status == READ and not message.disappears_at:
            moved = replace(moved, disappears_at=now + message.expire_in * SECOND)
        messages.move(moved)
        if status > message.status:
            line = self.lines.get(message.user_id)
            if line is not None:
                receipt = receipt_view(moved, user_id)
                self.after_commit(partial(line.push, ACKNOWLEDGE_MESSAGE_RECEIPT, receipt))
        self.announce()
        return moved

    def _status_for_sender(self, message: StoredMessage, rank: int) -> int:
        if self._settings.group_status == "any":
            return rank
        conversation = self._store.conversation(message.conversation_id)
        recipients = self.recipients(message.user_id, conversation) if conversation else []
        statuses = [
            self._store.messages.delivery_status(one.user_id, message.seq) for one in recipients
        ]
        return min(statuses, default=rank)

    def receipts(self, bot_id: str, *, since: int) -> list[MessageView]:
        """Return what became of a bot's messages since a time, the earliest first, in a page.

        The time is in nanoseconds since the epoch. Where to go on is when the last one came [C].
        """
        page = self._store.messages.moved(bot_id, since=since, limit=_RECEIPTS)
        return [receipt_view(message, bot_id) for message in page]

    # Who is told

    def announce(self) -> None:
        """Call the watchers once after this transaction."""
        if not self._waking and self.watchers:
            self._waking = True
            self._store.after_commit(self._wake_watchers)

    def _wake_watchers(self, _: Exception | None) -> None:
        self._waking = False
        for wake in self.watchers:
            wake()

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Call ``effect`` once all that was written so far is committed; not if it is undone."""
        self._store.after_commit(lambda error: None if error else effect())

    def _is_bot(self, user_id: str) -> bool:
        user = self._store.user(user_id)
        return user is not None and user.is_bot
