"""Encrypted messages as the service and people's clients see them (protocol section 8).

The service reads no plaintext: of an encrypted message it knows the sessions that it names. But
people have no device here, so the sandbox is their client too: it keeps the private keys of their
sessions, in the table ``session_keys`` and nowhere else, and encrypts and decrypts for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.errors import DecryptionError, EncryptionError
from blazebot.keys.curve import curve_public_key
from blazebot.keys.encryption import MessageCipher, Recipient, session_ids
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import bad_field
from blazebot.sandbox.storage.rows import Conversation, Session, StoredMessage, User
from blazebot.sandbox.storage.store import Store
from blazebot.wire.base64 import decode_base64, encode_base64

__all__ = ["ENCRYPTED", "PLAIN", "Encrypted", "Encryption", "encrypted_category", "named_sessions"]

PLAIN: Final = "PLAIN_"
ENCRYPTED: Final = "ENCRYPTED_"
"""Beginnings of categories; what follows is the same for both."""

_CIPHERS: Final = 1024
"""Sessions of people whose keys are at hand."""

_CORRESPONDENTS: Final = 64
"""Keys of others with whom a person's session remembers what it shares."""


def encrypted_category(category: str) -> str:
    """Return the category of a ``PLAIN_`` message once it is encrypted.

    Raises:
        ServiceError: 10002, there is none.
    """
    if not category.startswith(PLAIN):
        raise bad_field("encrypted", f"{category} cannot be encrypted, only {PLAIN} categories can")
    return ENCRYPTED + category.removeprefix(PLAIN)


def named_sessions(data: bytes) -> frozenset[str]:
    """Return the ids of the sessions that an encrypted message names; none if it is malformed."""
    try:
        return frozenset(session_ids(data))
    except DecryptionError:
        return frozenset()


class Encrypted(NamedTuple):
    """What a person's client made of a plaintext, and with which of the person's sessions."""

    session_id: str
    data: bytes


class Encryption:
    """Sessions with keys, and what is encrypted for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cipher = lru_cache(_CIPHERS)(self._new_cipher)

    # Sessions

    def open_session(self, person_id: str, now: int, *, readable: bool = True) -> Session:
        """Give a person one more session; unless ``readable`` it has no key.

        ``now`` is in nanoseconds since the epoch.
        """
        key = Ed25519PrivateKey.generate() if readable else None
        curve_key = encode_base64(curve_public_key(key.public_key())) if key else ""
        # Without `public_key`, which checks tokens: people's sessions sign none.
        session = Session(new_id(), person_id, None, curve_key, now, None)
        self._store.add_session(session)
        if key is not None:
            self._store.add_session_key(session.session_id, key.private_bytes_raw())
        return session

    def recipient_sessions(
        self, sender_id: str, recipient_id: str, conversation: Conversation
    ) -> list[Session]:
        """Return the live sessions that a message is for: all but those of its sender.

        An empty ``recipient_id`` stands for everybody in the conversation.
        """
        users = [recipient_id] if recipient_id else conversation.participants
        return [
            session
            for user_id in users
            if user_id != sender_id
            for session in self._store.live_sessions(user_id)
        ]

    def may_read(self, bot: User, data: bytes) -> bool:
        """Tell whether an encrypted message goes to a bot: it names the bot's session.

        An RSA session cannot decrypt, so it never gets one: a client ends its loop on it [C].
        """
        session = self._store.session(bot.session_id)
        return (
            session is not None
            and bool(session.curve_public_key)
            and session.session_id in named_sessions(data)
        )

    # What people's clients do

    def encrypt(self, person_id: str, plaintext: bytes, recipients: Sequence[Session]) -> Encrypted:
        """Return ``plaintext`` encrypted by a person for these sessions, and for the person's own.

        Raises:
            ServiceError: 10002: the person has no session with a key, a recipient has one without,
                or there are too many.
        """
        own = [one for one in self._store.keyed_sessions(person_id) if one.ended_at is None]
        if not own:
            raise bad_field("encrypted", f"no session of {person_id} has a key to encrypt with")
        for one in recipients:
            if not one.curve_public_key:
                raise bad_field(
                    "encrypted",
                    f"session {one.session_id} of {one.user_id} has no key and cannot read "
                    "encrypted messages (RSA sessions never can); send it plain",
                )
        keys = [
            Recipient(one.session_id, decode_base64(one.curve_public_key))
            for one in (*recipients, *own)
        ]
        session_id = own[0].session_id
        try:
            return Encrypted(session_id, self._cipher(session_id).encrypt(plaintext, keys))
        except EncryptionError as error:  # too many sessions
            raise bad_field("encrypted", str(error)) from None

    def decrypt(self, person_id: str, message: StoredMessage) -> bytes:
        """Return what a message that was encrypted for a person says.

        Sessions that have ended since can read it still: the person's client would have kept it.

        Raises:
            DecryptionError: it was not encrypted for a session of theirs, or not well.
        """
        error = DecryptionError("session", "it was not encrypted for any session of this person")
        for session in self._store.keyed_sessions(person_id):
            if session.ended_at is not None and session.ended_at < message.created_at:
                continue
            try:
                return self._cipher(session.session_id).decrypt(message.data)
            except DecryptionError as refusal:
                if refusal.cause != "session":
                    error = refusal
        raise error

    def _new_cipher(self, session_id: str) -> MessageCipher:
        seed = self._store.session_key(session_id) or b""
        key = Ed25519PrivateKey.from_private_bytes(seed)
        return MessageCipher(session_id, key, remembered=_CORRESPONDENTS)
