"""The message service, but for its endpoints: what bots and people send, and what it says itself.

Whatever a method must check it checks before it writes. What it writes is committed with the loop
turn; whoever tells somebody about it does so after ``store.committed()`` or ``after_commit``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from blazebot.errors import TokenError
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.admission import Admission, Admitted
from blazebot.sandbox.rules.deliveries import Deliveries
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.drafts import AnyRequest, Draft, new_id
from blazebot.sandbox.rules.editing import Editing
from blazebot.sandbox.rules.encryption import ENCRYPTED, Encryption, encrypted_category
from blazebot.sandbox.rules.quota import Quota
from blazebot.sandbox.rules.refusals import too_many_requests, unauthorized
from blazebot.sandbox.rules.sightings import Sightings
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import Conversation, Session, StoredMessage, User
from blazebot.sandbox.storage.store import Store
from blazebot.wire.content import PLAIN_TEXT, ConversationChange

__all__ = ["Outcome", "Service"]

HELLO: Final = "Hello"
"""What a person's client says to a bot that they add as a friend [S]."""


class Outcome(NamedTuple):
    """What became of a draft of ``/encrypted_messages``.

    ``sessions`` None is success; else it was encrypted for others than these, which the recipient
    has now: none, if the recipient is gone.
    """

    draft: Draft
    sessions: list[Session] | None


class Service:
    """The message service: its parts, put together, and what is sent through it."""

    def __init__(self, store: Store, clocks: Clocks, settings: SandboxSettings) -> None:
        self.store = store
        self.clocks = clocks
        self.settings = settings
        self.encryption = Encryption(store)
        self.deliveries = Deliveries(store, clocks, settings, self.encryption)
        self.directory = Directory(store, clocks, self.encryption, on_group=self._tell_of_group)
        self.sightings = Sightings(store, self.directory, self.deliveries, self.encryption)
        self._editing = Editing(store, clocks, settings, on_recall=self.deliveries.take_back)
        self._admission = Admission(store, self.directory, self.encryption, self._editing, settings)
        self._quotas: dict[str, Quota] = {}
        self.sent: Counter[str] = Counter()
        """How many messages of each bot were taken since the start."""
        clocks.on_move.append(self._keep_clock)

    # What bots send

    def send(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[StoredMessage]:
        """Take what a bot sends by REST or ``CREATE_MESSAGE``: all of it or nothing.

        A message that was taken before is taken again without effect.

        Raises:
            ServiceError: 10002, a field is bad; 403, the bot may not send this there; 20140, it is
                encrypted for others than the recipient's sessions; 429, its quota is used up.
        """
        return self._take(bot, session_id, self._admission.messages(bot, requests))

    def send_plain(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[StoredMessage]:
        """Take ``CREATE_PLAIN_MESSAGES``, which has rules of its own [S]; as :meth:`send`."""
        return self._take(bot, session_id, self._admission.plain(bot, requests))

    def send_encrypted(
        self, bot: User, session_id: str, requests: Sequence[AnyRequest]
    ) -> list[Outcome]:
        """Take ``/encrypted_messages``, each whose checksum is right (section 8); as :meth:`send`.

        Other categories are taken as well.
        """
        admitted = self._admission.encrypted(bot, requests)
        outcomes = [
            Outcome(draft, self._admission.changed_sessions(bot, draft, conversation))
            for draft, conversation in admitted.drafts
        ]
        right = [
            one
            for one, outcome in zip(admitted.drafts, outcomes, strict=True)
            if outcome.sessions is None
        ]
        self._take(bot, session_id, admitted._replace(drafts=right))
        return outcomes

    def _take(self, bot: User, session_id: str, admitted: Admitted) -> list[StoredMessage]:
        """Store what was admitted, if the bot's quota has room for all of it."""
        quota, now = self._quota(bot.user_id), time.monotonic()
        size = len(admitted.drafts)
        if not quota.has_room(size, now) and not quota.has_room(self._count_new(admitted), now):
            raise too_many_requests(self.settings.quota, self.settings.quota_window)
        taken = [
            self._create(bot, session_id, draft, conversation)
            for draft, conversation in admitted.drafts
        ]
        every = self.settings.quota_counts_repeats
        new = sum(is_new for _, is_new in taken)
        quota.take(size if every else new, now)
        self.sent[bot.user_id] += new
        if admitted.refusal:
            raise admitted.refusal
        return [message for message, _ in taken]

    def quota_used(self, bot_id: str) -> int:
        """Return how many messages of a bot count against its quota now."""
        return self._quota(bot_id).used(time.monotonic())

    def _quota(self, bot_id: str) -> Quota:
        quota = self._quotas.get(bot_id)
        if quota is None:
            quota = Quota(self.settings.quota, self.settings.quota_window)
            self._quotas[bot_id] = quota
        return quota

    def _count_new(self, admitted: Admitted) -> int:
        """Return how many of these messages count against the quota."""
        if self.settings.quota_counts_repeats:
            return len(admitted.drafts)
        ids = {draft.message_id for draft, _ in admitted.drafts}
        return sum(self.store.messages.find(message_id) is None for message_id in ids)

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
        conversation = self._admission.of_person(person, draft, unchecked=unchecked)
        session_id = person.session_id
        if encrypted:
            recipients = self.encryption.recipient_sessions(person.user_id, "", conversation)
            category = encrypted_category(draft.category)
            session_id, data = self.encryption.encrypt(person.user_id, draft.data, recipients)
            draft = draft._replace(category=category, data=data)
        message, _ = self._create(person, session_id, draft, conversation)
        return message

    def tell_of_transfer(
        self, payer: User, payee: User, category: str, content: bytes
    ) -> StoredMessage:
        """Let the service say in the conversation of two that one paid the other.

        Raises:
            ServiceError: 10002, the two are one.
        """
        conversation = self.directory.contact(payer, payee)
        told = Draft(new_id(), conversation.conversation_id, category, content)
        message, _ = self._create(payer, payer.session_id, told, conversation)
        return message

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

    def _create(
        self, sender: User, session_id: str, draft: Draft, conversation: Conversation
    ) -> tuple[StoredMessage, bool]:
        """Store a message for everybody else in the conversation, or find it stored.

        Returns it and whether it is new.

        Raises:
            ServiceError: 403, somebody else has a message of this id.
        """
        if conversation.expire_in and not draft.expire_in and self.settings.inherit_expire_in:
            draft = draft._replace(expire_in=conversation.expire_in)
        encrypted = draft.category.startswith(ENCRYPTED)
        recipients = [
            one.user_id
            for one in self.deliveries.recipients(sender.user_id, conversation)
            if not (encrypted and one.is_bot) or self.deliveries.may_read(one.user_id, draft.data)
        ]
        message, is_new = self.deliveries.add(
            sender.user_id, session_id, draft, conversation, recipients
        )
        if is_new:
            self._editing.apply(draft, conversation)
        else:
            message = self._admission.find(sender, draft) or message
        return message, is_new

    # What the service says

    def end_session(self, bot_id: str) -> None:
        """Tell a bot's connection, once it is so, that its session has ended."""
        line = self.deliveries.lines.get(bot_id)
        if line is not None:
            error = unauthorized(TokenError("session", "a newer session has replaced this one"))
            self.deliveries.after_commit(partial(line.refuse, error))

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
        participant = self.store.user(participant_id)
        if participant is not None and participant.is_bot:
            told.add(participant_id)
        draft = Draft(new_id(), conversation.conversation_id, content.category, content.encode())
        self.deliveries.add(self.settings.system_user_id, "", draft, conversation, sorted(told))

    def _keep_clock(self) -> None:
        self.store.keep_retention_offset(self.clocks.retention_offset)

    def _tell_of_group(self, group: Conversation) -> None:
        self.conversation_changed(group, "CREATE", group.creator_id, group.creator_id)
