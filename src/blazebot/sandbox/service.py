"""The rules of the message service: sending, delivering, receipts (protocol section 6).

Whatever a method must check it checks before it writes. What it writes is committed with the loop
turn; whoever tells somebody about it does so after ``store.committed()`` or ``after_commit``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from blazebot.errors import DecryptionError, ServiceError, TokenError
from blazebot.keys.encryption import sessions_checksum
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.contents import check_content
from blazebot.sandbox.directory import Directory
from blazebot.sandbox.drafts import AnyRequest, Draft, new_id, read_draft
from blazebot.sandbox.editing import Editing
from blazebot.sandbox.encryption import ENCRYPTED, PLAIN, Encryption, encrypted_category
from blazebot.sandbox.refusals import bad_field, checksum_invalid, forbidden, unauthorized
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.store import (
    BLOCKING,
    CONTACT,
    Conversation,
    Participant,
    Session,
    Store,
    StoredMessage,
    User,
)
from blazebot.sandbox.views import Snapshot, receipt_view, snapshot
from blazebot.wire.content import PLAIN_TEXT, ConversationChange
from blazebot.wire.frames import ACKNOWLEDGE_MESSAGE_RECEIPT
from blazebot.wire.limits import BATCH_LIMIT, RETENTION
from blazebot.wire.messages import STATUS_RANK, MessageView

__all__ = ["BotLine", "Glance", "Outcome", "Service", "Sighting"]

HELLO: Final = "Hello"
"""What a person's client says to a bot that they add as a friend [S]."""

_PAGE: Final = 500
"""Messages that one glance goes over."""

_SENT, _DELIVERED, _READ = 0, 1, 2


class BotLine(Protocol):
    """A bot's live connection, as the service needs it."""

    @property
    def unacknowledged(self) -> int:
        """How many messages were pushed on it and are not acknowledged."""

    def wake(self) -> None:
        """Look for messages to push."""

    def push(self, action: str, view: MessageView) -> None:
        """Push what is not kept: a receipt."""

    def drop(self, seq: int) -> None:
        """Push a message no more, even if it is about to: it was recalled."""

    def refuse(self, error: ServiceError) -> None:
        """Tell the bot that its session is over, and close."""

    def end(self, code: int, message: str) -> None:
        """Close it."""


class Sighting(Struct):
    """A person sees a message, as it is at position ``cursor``."""

    cursor: int
    person_id: str
    message: Snapshot


class Glance(NamedTuple):
    """What people saw; ``cursor`` is where to go on, ``ended`` whether that is the end."""

    sightings: list[Sighting]
    cursor: int
    ended: bool


class Outcome(NamedTuple):
    """What became of a draft of ``/encrypted_messages``.

    ``sessions`` None is success; else it was encrypted for others than these, which the recipient
    has now: none, if the recipient is gone.
    """

    draft: Draft
    sessions: list[Session] | None


class Service:
    """The message service, but for its endpoints.

    ``lines`` holds the live connection of each bot; ``watchers`` are called after a commit in which
    any message was created or moved.
    """

    def __init__(self, store: Store, clocks: Clocks, settings: SandboxSettings) -> None:
        self.store = store
        self.clocks = clocks
        self.settings = settings
        self.encryption = Encryption(store)
        self.directory = Directory(store, clocks, self.encryption, on_group=self._tell_of_group)
        self._editing = Editing(store, clocks, settings, on_recall=self._take_back)
        self._waking = False
        self.lines: dict[str, BotLine] = {}
        self.watchers: set[Callable[[], None]] = set()

    # What bots send

    def send(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[StoredMessage]:
        """Take what a bot sends by REST or ``CREATE_MESSAGE``: all of it or nothing.

        A message that was taken before is taken again without effect.

        Raises:
            ServiceError: 10002, a field is bad; 403, the bot may not send this there; 20140, it is
                encrypted for others than the recipient's sessions.
        """
        return self._take_all(bot, session_id, requests, read_draft)

    def send_plain(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[StoredMessage]:
        """Take ``CREATE_PLAIN_MESSAGES``, which has rules of its own [S]; as :meth:`send`."""
        return self._take_all(bot, session_id, requests, self._read_plain)

    def send_encrypted(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[Outcome]:
        """Take ``/encrypted_messages``, each whose checksum is right (section 8); as :meth:`send`.

        Other categories are taken as well.
        """
        accepted, refusal = self._accept(bot, requests, read_draft, self._admit)
        outcomes = []
        for draft, conversation in accepted:
            sessions = self._changed_sessions(bot, draft, conversation)
            if sessions is None:
                self._create(bot, session_id, draft, conversation)
            outcomes.append(Outcome(draft, sessions))
        if refusal:
            raise refusal
        return outcomes

    def _take_all(
        self,
        bot: User,
        session_id: str,
        requests: Sequence[AnyRequest],
        read: Callable[[AnyRequest], Draft],
    ) -> list[StoredMessage]:
        accepted, refusal = self._accept(bot, requests, read, self._admit_with_recipient)
        messages = [
            self._create(bot, session_id, draft, conversation) for draft, conversation in accepted
        ]
        if refusal:
            raise refusal
        return messages

    def _accept(
        self,
        bot: User,
        requests: Sequence[AnyRequest],
        read: Callable[[AnyRequest], Draft],
        admit: Callable[[User, Draft], Conversation],
    ) -> tuple[list[tuple[Draft, Conversation]], ServiceError | None]:
        """Return what may be taken of a batch and where it goes, and what to raise afterwards."""
        if len(requests) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one batch")
        several = len(requests) > 1
        accepted: list[tuple[Draft, Conversation]] = []
        refusal: ServiceError | None = None
        for request in requests:
            try:
                draft = read(request)
                conversation = admit(bot, draft)
                if several:  # one alone is checked where it is stored
                    self._find(bot, draft)
                accepted.append((draft, conversation))
            except ServiceError as error:
                refusal = refusal or error
        if refusal and self.settings.atomic_batches:
            raise refusal
        return accepted, refusal

    def _read_plain(self, request: AnyRequest) -> Draft:
        draft = read_draft(request)
        if not draft.category.startswith(PLAIN):
            raise bad_field("category", f"only {PLAIN} categories go in a batch")
        if not draft.recipient_id:
            raise bad_field("recipient_id", "is missing")
        if draft.quote_message_id and draft.category != PLAIN_TEXT:
            raise bad_field("quote_message_id", "only text can quote")
        conversation = self.store.conversation(draft.conversation_id)
        if draft.representative_id and conversation and conversation.category != CONTACT:
            raise bad_field("representative_id", "only in a conversation of two")
        return draft

    def _admit(self, bot: User, draft: Draft) -> Conversation:
        """Check that the bot may send this, and return where it goes."""
        if draft.category.startswith(self.settings.service_categories):
            raise forbidden(f"a bot cannot send {draft.category}")
        conversation = self.directory.conversation_of(bot.user_id, draft.conversation_id)
        self._check_blocked(bot, conversation)
        if self.settings.check_contents:
            check_content(draft)
        self._editing.check(bot.user_id, draft, conversation)
        return conversation

    def _check_blocked(self, sender: User, conversation: Conversation) -> None:
        """Refuse what goes to somebody who blocks the sender, in a conversation of two [A]."""
        if conversation.category != CONTACT or not self.settings.refuse_blocked:
            return
        for user_id in conversation.participants:
            if self.store.relationship(user_id, sender.user_id) == BLOCKING:
                raise forbidden(f"{user_id} blocks {sender.user_id}")

    def _admit_with_recipient(self, bot: User, draft: Draft) -> Conversation:
        """Check also that the recipient is there, with the sessions that it is encrypted for."""
        conversation = self._admit(bot, draft)
        if draft.recipient_id and draft.recipient_id not in conversation.participants:
            raise forbidden(f"{draft.recipient_id} is not in the conversation")
        if self._changed_sessions(bot, draft, conversation) is not None:
            raise checksum_invalid()
        return conversation

    def _changed_sessions(
        self, bot: User, draft: Draft, conversation: Conversation
    ) -> list[Session] | None:
        """Return the sessions that a draft should be encrypted for, None if it is, or is plain."""
        if not draft.category.startswith(ENCRYPTED) or self._find(bot, draft):
            return None
        if draft.recipient_id and draft.recipient_id not in conversation.participants:
            return []
        if not draft.checksum:
            return None
        sessions = self.encryption.recipient_sessions(bot.user_id, draft.recipient_id, conversation)
        checksum = sessions_checksum(session.session_id for session in sessions)
        return None if checksum == draft.checksum else sessions

    # What people do

    def send_as_person(
        self, person: User, draft: Draft, *, encrypted: bool = False, unchecked: bool = False
    ) -> StoredMessage:
        """Take what a person's client sends; a conversation with ``recipient_id`` is made.

        ``encrypted``: the person's client encrypts it for all others. ``unchecked``: its content
        may be malformed.

        Raises:
            ServiceError: 10002, 403 or 404: there is no such conversation or recipient, the content
                does not fit, or it cannot be encrypted.
        """
        if self.settings.check_contents and not unchecked:
            check_content(draft)
        if draft.conversation_id:
            conversation = self.directory.conversation_of(person.user_id, draft.conversation_id)
        else:
            recipient = self.store.user(draft.recipient_id)
            if recipient is None:
                raise bad_field("recipient_id", f"there is no user {draft.recipient_id}")
            conversation = self.directory.contact(person, recipient)
        self._check_blocked(person, conversation)
        self._editing.check(person.user_id, draft, conversation)
        session_id = person.session_id
        if encrypted:
            recipients = self.encryption.recipient_sessions(person.user_id, "", conversation)
            category = encrypted_category(draft.category)
            session_id, data = self.encryption.encrypt(person.user_id, draft.data, recipients)
            draft = draft._replace(category=category, data=data)
        return self._create(person, session_id, draft, conversation)

    def tell_of_transfer(
        self, payer: User, payee: User, category: str, content: bytes
    ) -> StoredMessage:
        """Let the service say in the conversation of two that one paid the other.

        Raises:
            ServiceError: 10002, the two are one.
        """
        conversation = self.directory.contact(payer, payee)
        told = Draft(new_id(), conversation.conversation_id, category, content)
        return self._create(payer, payer.session_id, told, conversation)

    def befriend(self, person: User, bot: User) -> tuple[Conversation, bool]:
        """Add a bot to a person's friends: the first time the bot gets a hello from them [S].

        Returns their conversation and whether it was the first time.
        """
        conversation = self.directory.contact(person, bot)
        added = self.store.add_friend(person.user_id, bot.user_id, self.clocks.now())
        if added:
            hello = Draft(new_id(), conversation.conversation_id, PLAIN_TEXT, HELLO.encode())
            self._create(person, person.session_id, hello, conversation)
        return conversation, added

    def look(self, people: Container[str], *, after: int, limit: int, received: set[int]) -> Glance:
        """Return what changed for these people after a position, in about ``limit`` sightings.

        What they had not received becomes DELIVERED by it, and is seen as such. That moves it to a
        later position, where the same viewer need not see it again: these positions are kept in
        ``received``, which a viewer passes from one look to the next. A glance goes over a bounded
        number of messages, so look again from its cursor until it ended.
        """
        sightings: list[Sighting] = []
        cursor = after
        page = self.store.changes(after, _PAGE)
        for message in page:
            if len(sightings) >= limit:
                break
            cursor = message.changed
            if cursor in received:
                received.remove(cursor)
            else:
                sightings += self._see(message, people, received)
        if not page:
            received.clear()  # what moved once more is seen at a later position
        return Glance(sightings, cursor, not page)

    def look_back(
        self, person: User, conversation_id: str, *, before: int, limit: int
    ) -> list[Snapshot]:
        """Return the newest messages of a conversation with a seq below ``before``, in order.

        Raises:
            ServiceError: 403, the person is not in it.
        """
        conversation = self.directory.conversation_of(person.user_id, conversation_id)
        joined = conversation.participants[person.user_id].joined
        seen = []
        for message in self.store.history(conversation_id, before=before, limit=limit):
            if message.seq > joined:
                moved = self._receive(person.user_id, message, conversation)
                seen.append(self._snapshot(person.user_id, moved, conversation))
        return seen

    def _see(
        self, message: StoredMessage, people: Container[str], received: set[int]
    ) -> list[Sighting]:
        conversation = self.store.conversation(message.conversation_id)
        if conversation is None:
            return []
        viewers = [
            one.user_id
            for one in conversation.participants.values()
            if one.user_id in people and not one.is_bot and message.seq > one.joined
        ]
        seen = message
        for person_id in viewers:
            seen = self._receive(person_id, seen, conversation)
        if seen is not message:
            received.add(seen.changed)
        return [
            Sighting(message.changed, person_id, self._snapshot(person_id, seen, conversation))
            for person_id in viewers
        ]

    def _snapshot(
        self, person_id: str, message: StoredMessage, conversation: Conversation
    ) -> Snapshot:
        status = self._status_for(person_id, message, conversation)
        if not message.category.startswith(ENCRYPTED) or message.recalled:
            return snapshot(message, status)
        try:
            return snapshot(message, status, self.encryption.decrypt(person_id, message))
        except DecryptionError as error:
            return snapshot(message, status, b"", undecryptable=str(error))

    def _receive(
        self, person_id: str, message: StoredMessage, conversation: Conversation
    ) -> StoredMessage:
        """Return a message as it is once this person's client has it."""
        if message.user_id == person_id:
            return message
        if self._status_for(person_id, message, conversation) != _SENT:
            return message
        return self._move(person_id, message, _DELIVERED)

    def _status_for(self, user_id: str, message: StoredMessage, conversation: Conversation) -> int:
        if message.user_id == user_id or conversation.category == CONTACT:
            return message.status
        return self.store.delivery_status(user_id, message.seq)

    # Delivery and receipts

    def pending(self, bot_id: str, *, after: int, limit: int) -> list[StoredMessage]:
        """Return a page of what a bot has not acknowledged; what is too old is dropped [S]."""
        horizon = self.clocks.now() - RETENTION * 1_000_000_000
        while True:
            page = self.store.pending(bot_id, after=after, limit=limit)
            kept = [message for message in page if self._is_due(message, bot_id, horizon)]
            if len(kept) < len(page):
                due = {message.seq for message in kept}
                for message in page:
                    if message.seq not in due:
                        self.store.mark_read(bot_id, message.seq)
            if kept or not page:
                return kept
            after = page[-1].seq

    def _is_due(self, message: StoredMessage, bot_id: str, horizon: int) -> bool:
        """Tell whether a pending message is still to be delivered.

        It may have been recalled since the bot left the group, or the bot's session, which it was
        encrypted for, may have ended.
        """
        if message.created_at < horizon or message.recalled:
            return False
        return not message.category.startswith(ENCRYPTED) or self._may_read(bot_id, message.data)

    def _may_read(self, bot_id: str, data: bytes) -> bool:
        bot = self.store.user(bot_id)
        return bot is not None and self.encryption.may_read(bot, data)

    def acknowledge(self, user_id: str, message_id: str, status: str) -> None:
        """Take a receipt; statuses only move forward [S].

        Receipts that mean nothing here are taken without complaint [C]: for the user's own or
        unknown messages, or with a status other than DELIVERED and READ.
        """
        rank = STATUS_RANK.get(status, _SENT)
        message = self.store.message(message_id.lower()) if rank else None
        if message is not None and message.user_id != user_id:
            self._move(user_id, message, rank)

    def end_session(self, bot_id: str) -> None:
        """Tell a bot's connection, once it is so, that its session has ended."""
        line = self.lines.get(bot_id)
        if line is not None:
            error = unauthorized(TokenError("session", "a newer session has replaced this one"))
            self._after_commit(partial(line.refuse, error))

    def conversation_changed(
        self,
        conversation: Conversation,
        action: str,
        participant_id: str,
        user_id: str,
        *,
        role: str | None = None,
        expire_in: int | None = None,
    ) -> None:
        """Tell everybody in a conversation, as it is now, of a change that ``user_id`` made [C].

        ``action`` is CREATE, ADD, REMOVE, JOIN, EXIT, ROLE, UPDATE or EXPIRE; ``participant_id``
        whom it is about, empty for nobody. A bot that is in it no more is told too.
        """
        content = ConversationChange(
            action=action,
            participant_id=participant_id or None,
            user_id=user_id,
            role=role,
            expire_in=expire_in,
        )
        told = set(conversation.participants)
        if participant_id and self._is_bot(participant_id):
            told.add(participant_id)
        draft = Draft(new_id(), conversation.conversation_id, content.category, content.encode())
        self._add(self.settings.system_user_id, "", draft, conversation, sorted(told))

    def _tell_of_group(self, group: Conversation) -> None:
        self.conversation_changed(group, "CREATE", group.creator_id, group.creator_id)

    def _is_bot(self, user_id: str) -> bool:
        user = self.store.user(user_id)
        return user is not None and user.is_bot

    def _create(
        self, sender: User, session_id: str, draft: Draft, conversation: Conversation
    ) -> StoredMessage:
        """Store a message for everybody else in the conversation, or find it stored.

        Raises:
            ServiceError: 403, somebody else has a message of this id.
        """
        encrypted = draft.category.startswith(ENCRYPTED)
        recipients = [
            one.user_id
            for one in self._recipients(sender.user_id, conversation)
            if not (encrypted and one.is_bot) or self._may_read(one.user_id, draft.data)
        ]
        message, is_new = self._add(sender.user_id, session_id, draft, conversation, recipients)
        if not is_new:
            return self._find(sender, draft) or message
        self._editing.apply(draft, conversation)
        return message

    def _add(
        self,
        sender_id: str,
        session_id: str,
        draft: Draft,
        conversation: Conversation,
        recipients: Sequence[str],
    ) -> tuple[StoredMessage, bool]:
        """Store a message for these users; return it, and whether its id was free."""
        position, now = self.store.next_position(), self.clocks.now()
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
            status=_SENT,
            changed=position,
        )
        if draft.mentions:
            message = message._replace(mentions=" ".join(draft.mentions))
        if not self.store.add_message(message, recipients):
            return message, False
        for user_id in recipients:
            line = self.lines.get(user_id)
            if line is not None:
                self._after_commit(line.wake)
        self._announce()
        return message, True

    def _take_back(self, message: StoredMessage, conversation: Conversation) -> None:
        """Deliver a message to nobody any more who is in the conversation."""
        for user_id in conversation.participants:
            self.store.mark_read(user_id, message.seq)
            line = self.lines.get(user_id)
            if line is not None:
                line.drop(message.seq)

    def _find(self, sender: User, draft: Draft) -> StoredMessage | None:
        """Return the sender's earlier message of this id; raises as :meth:`_create`."""
        earlier = self.store.message(draft.message_id)
        if earlier is not None and earlier.user_id != sender.user_id:
            raise forbidden("message_id is of somebody else's message")
        return earlier

    def _recipients(self, sender_id: str, conversation: Conversation) -> list[Participant]:
        everybody = conversation.participants.values()
        sender = conversation.participants.get(sender_id)  # None: left since, or the service
        deaf = sender is not None and sender.is_bot and not self.settings.bots_hear_bots
        return [one for one in everybody if one.user_id != sender_id and not (deaf and one.is_bot)]

    def _move(self, user_id: str, message: StoredMessage, rank: int) -> StoredMessage:
        """Move a message forward for one recipient, and for its sender where that follows.

        Returns the message as it is then.
        """
        mark = self.store.mark_read if rank == _READ else self.store.mark_delivered
        if not mark(user_id, message.seq):
            return message
        status = max(message.status, self._status_for_sender(message, rank))
        moved = message._replace(
            status=status, updated_at=self.clocks.now(), changed=self.store.next_position()
        )
        self.store.move_message(moved)
        if status > message.status:
            line = self.lines.get(message.user_id)
            if line is not None:
                receipt = receipt_view(moved, user_id)
                self._after_commit(partial(line.push, ACKNOWLEDGE_MESSAGE_RECEIPT, receipt))
        self._announce()
        return moved

    def _status_for_sender(self, message: StoredMessage, rank: int) -> int:
        if self.settings.group_status == "any":
            return rank
        conversation = self.store.conversation(message.conversation_id)
        recipients = self._recipients(message.user_id, conversation) if conversation else []
        statuses = [self.store.delivery_status(one.user_id, message.seq) for one in recipients]
        return min(statuses, default=rank)

    def _announce(self) -> None:
        """Call the watchers once after this transaction."""
        if not self._waking and self.watchers:
            self._waking = True
            self.store.after_commit(self._wake_watchers)

    def _wake_watchers(self, _: Exception | None) -> None:
        self._waking = False
        for wake in self.watchers:
            wake()

    def _after_commit(self, effect: Callable[[], None]) -> None:
        self.store.after_commit(lambda error: None if error else effect())
