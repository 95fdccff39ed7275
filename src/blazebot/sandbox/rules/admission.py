"""Whether what somebody sends is taken: who may send what, and where to (sections 4 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from blazebot.errors import ServiceError
from blazebot.keys.encryption import sessions_checksum
from blazebot.sandbox.rules.contents import check_content
from blazebot.sandbox.rules.directory import Directory
from blazebot.sandbox.rules.drafts import AnyRequest, Draft, read_draft
from blazebot.sandbox.rules.editing import Editing
from blazebot.sandbox.rules.encryption import ENCRYPTED, PLAIN, Encryption
from blazebot.sandbox.rules.refusals import bad_field, checksum_invalid, forbidden
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import (
    BLOCKING,
    CONTACT,
    Conversation,
    Session,
    StoredMessage,
    User,
)
from blazebot.sandbox.storage.store import Store
from blazebot.wire.content import PLAIN_TEXT
from blazebot.wire.limits import BATCH_LIMIT

__all__ = ["Admission", "Admitted"]


class Admitted(NamedTuple):
    """What may be taken of a batch and where it goes, and what to raise once it is taken."""

    drafts: list[tuple[Draft, Conversation]]
    refusal: ServiceError | None


class Admission:
    """Checks what bots and people send.

    All methods raise ServiceError for what is refused: 10002, a field is bad; 403, they may not
    send this there; 20140, it is encrypted for others than the recipient's sessions.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        encryption: Encryption,
        editing: Editing,
        settings: SandboxSettings,
    ) -> None:
        self._store = store
        self._directory = directory
        self._encryption = encryption
        self._editing = editing
        self._settings = settings

    # What bots send

    def messages(self, bot: User, requests: Sequence[AnyRequest]) -> Admitted:
        """Admit what comes by REST or ``CREATE_MESSAGE``."""
        return self._batch(bot, requests, read_draft, self._admit_with_recipient)

    def plain(self, bot: User, requests: Sequence[AnyRequest]) -> Admitted:
        """Admit ``CREATE_PLAIN_MESSAGES``, which has rules of its own [S]."""
        return self._batch(bot, requests, self._read_plain, self._admit_with_recipient)

    def encrypted(self, bot: User, requests: Sequence[AnyRequest]) -> Admitted:
        """Admit ``/encrypted_messages``; for whom they are encrypted is not checked."""
        return self._batch(bot, requests, read_draft, self._admit)

    def changed_sessions(
        self, bot: User, draft: Draft, conversation: Conversation
    ) -> list[Session] | None:
        """Return the sessions that a draft should be encrypted for, None if it is, or is plain."""
        if not draft.category.startswith(ENCRYPTED) or self.find(bot, draft):
            return None
        if draft.recipient_id and draft.recipient_id not in conversation.participants:
            return []
        if not draft.checksum:
            return None
        sessions = self._encryption.recipient_sessions(
            bot.user_id, draft.recipient_id, conversation
        )
        checksum = sessions_checksum(session.session_id for session in sessions)
        return None if checksum == draft.checksum else sessions

    def find(self, sender: User, draft: Draft) -> StoredMessage | None:
        """Return the sender's earlier message of this id; somebody else's is refused with 403."""
        earlier = self._store.messages.find(draft.message_id)
        if earlier is not None and earlier.user_id != sender.user_id:
            raise forbidden("message_id is of somebody else's message")
        return earlier

    def _batch(
        self,
        bot: User,
        requests: Sequence[AnyRequest],
        read: Callable[[AnyRequest], Draft],
        admit: Callable[[User, Draft], Conversation],
    ) -> Admitted:
        if len(requests) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one batch")
        several = len(requests) > 1
        admitted = Admitted([], None)
        for request in requests:
            try:
                draft = read(request)
                conversation = admit(bot, draft)
                if several:  # one alone is checked where it is stored
                    self.find(bot, draft)
                admitted.drafts.append((draft, conversation))
            except ServiceError as error:
                if self._settings.atomic_batches:
                    raise
                admitted = admitted._replace(refusal=admitted.refusal or error)
        return admitted

    def _read_plain(self, request: AnyRequest) -> Draft:
        draft = read_draft(request)
        if not draft.category.startswith(PLAIN):
            raise bad_field("category", f"only {PLAIN} categories go in a batch")
        if not draft.recipient_id:
            raise bad_field("recipient_id", "is missing")
        if draft.quote_message_id and draft.category != PLAIN_TEXT:
            raise bad_field("quote_message_id", "only text can quote")
        conversation = self._store.conversation(draft.conversation_id)
        if draft.representative_id and conversation and conversation.category != CONTACT:
            raise bad_field("representative_id", "only in a conversation of two")
        return draft

    def _admit(self, bot: User, draft: Draft) -> Conversation:
        if draft.category.startswith(self._settings.service_categories):
            raise forbidden(f"a bot cannot send {draft.category}")
        conversation = self._directory.conversation_of(bot.user_id, draft.conversation_id)
        self._check_blocked(bot, conversation)
        if self._settings.check_contents:
            check_content(draft)
        self._editing.check(bot.user_id, draft, conversation)
        return conversation

    def _admit_with_recipient(self, bot: User, draft: Draft) -> Conversation:
        """Check also that the recipient is there, with the sessions that it is encrypted for."""
        conversation = self._admit(bot, draft)
        if draft.recipient_id and draft.recipient_id not in conversation.participants:
            raise forbidden(f"{draft.recipient_id} is not in the conversation")
        if self.changed_sessions(bot, draft, conversation) is not None:
            raise checksum_invalid()
        return conversation

    # What people send

    def of_person(self, person: User, draft: Draft, *, unchecked: bool) -> Conversation:
        """Admit what a person sends, and return where it goes; made here for ``recipient_id``.

        ``unchecked``: its content may be malformed.
        """
        if self._settings.check_contents and not unchecked:
            check_content(draft)
        if draft.conversation_id:
            conversation = self._directory.conversation_of(person.user_id, draft.conversation_id)
        else:
            recipient = self._store.user(draft.recipient_id)
            if recipient is None:
                raise bad_field("recipient_id", f"there is no user {draft.recipient_id}")
            conversation = self._directory.contact(person, recipient)
        self._check_blocked(person, conversation)
        self._editing.check(person.user_id, draft, conversation)
        return conversation

    def _check_blocked(self, sender: User, conversation: Conversation) -> None:
        """Refuse what goes to somebody who blocks the sender, in a conversation of two [A]."""
        if conversation.category != CONTACT or not self._settings.refuse_blocked:
            return
        for user_id in conversation.participants:
            if self._store.relationship(user_id, sender.user_id) == BLOCKING:
                raise forbidden(f"{user_id} blocks {sender.user_id}")
