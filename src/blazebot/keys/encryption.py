"""Encrypted messages: what an ``ENCRYPTED_`` category's bytes hold (protocol section 8).

A message is encrypted once, under a key of its own, and that key once for each session that may
read it, under what the two sessions' keys have in common [D][C]::

    0x01 | session count, uint16 little-endian | sender's curve25519 public key (32)
    per session: session id (16) | IV (16) | AES-256-CBC of the message key, PKCS#7 (32)
    nonce (12) | AES-128-GCM ciphertext and tag (16)

Only the last part is authenticated. That the sender is who the message says is for the service to
see to: the sender's key is that of the blob, and anybody can make one.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from blazebot.errors import DecryptionError, EncryptionError, KeystoreError
from blazebot.keys.curve import curve_private_key
from blazebot.keys.keystore import PrivateKey
from blazebot.wire.ids import is_uuid

__all__ = [
    "SESSIONS_LIMIT",
    "MessageCipher",
    "Recipient",
    "encrypted_size",
    "session_ids",
    "sessions_checksum",
]

SESSIONS_LIMIT: Final = 510
"""Sessions that one message can be encrypted for [C]."""

SENDERS_REMEMBERED: Final = 4096
"""Keys of others for which a cipher remembers what it shares with them (ours); 1 KiB each."""

_VERSION: Final = 1

_HEAD: Final = Struct("<BH32s")
_SLOT: Final = Struct("16s16s32s")
_NONCE: Final = 12
_TAG: Final = 16
_MESSAGE_KEY: Final = 16
# PKCS#7 adds a whole block to a whole block, so this is the only padding that a key can have.
_PADDING: Final = bytes([16]) * 16


@dataclass(frozen=True, slots=True)
class Recipient:
    """A session to encrypt for: its UUID and its curve25519 public key, 32 bytes.

    ``/sessions/fetch`` has the key as base64; a session without one cannot read what is encrypted.
    """

    session_id: str
    public_key: bytes


class MessageCipher:
    """Encrypts and decrypts the messages of one session: keep one for each keystore.

    It remembers what it shares with the keys that it met last, ``remembered`` of them, in either
    direction: X25519 is most of the time that a message takes, and a reply goes where its message
    came from. ``random`` gives as many random bytes as it is asked for.

    A cipher can be made of an RSA keystore too; it encrypts and decrypts nothing.

    Raises:
        KeystoreError: ``session_id`` is not a UUID (an OAuth keystore may have none).
    """

    def __init__(
        self,
        session_id: str,
        private_key: PrivateKey,
        *,
        remembered: int = SENDERS_REMEMBERED,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not is_uuid(session_id):
            raise KeystoreError("session_id: encrypting needs the session's UUID")
        self._id = UUID(session_id).bytes
        self._random = random
        self._key: X25519PrivateKey | None = None
        if isinstance(private_key, Ed25519PrivateKey):
            self._key = curve_private_key(private_key)
            self._public_key = self._key.public_key().public_bytes_raw()
            shared = functools.partial(_shared_key, self._key)
            self._shared_key = functools.lru_cache(remembered)(shared)

    @property
    def public_key(self) -> bytes:
        """The session's curve25519 public key, 32 bytes, by which others encrypt for it.

        Raises:
            EncryptionError: its keystore is RSA.
        """
        if self._key is None:
            raise EncryptionError("an RSA keystore has no key to encrypt for")
        return self._public_key

    @property
    def can_encrypt(self) -> bool:
        """Whether its keystore is of the kind that can: Ed25519."""
        return self._key is not None

    def encrypt(self, plaintext: bytes, recipients: Sequence[Recipient]) -> bytes:
        """Return ``plaintext`` encrypted for 1 to 510 sessions [C], :func:`encrypted_size` bytes.

        Who sends cannot read it again, unless a session of its own is among ``recipients``.

        Raises:
            EncryptionError: too many sessions, or none; one has no good id or key; or the own
                keystore is RSA.
        """
        if self._key is None:
            raise EncryptionError("an RSA keystore cannot encrypt; send plain or use a new session")
        if not 1 <= len(recipients) <= SESSIONS_LIMIT:
            raise EncryptionError(
                f"a message can be encrypted for 1 to {SESSIONS_LIMIT} sessions, "
                f"not for {len(recipients)}"
            )
        key, nonce = self._random(_MESSAGE_KEY), self._random(_NONCE)
        return b"".join(
            (
                _HEAD.pack(_VERSION, len(recipients), self._public_key),
                *[self._slot(recipient, key) for recipient in recipients],
                nonce,
                AESGCM(key).encrypt(nonce, plaintext, None),
            )
        )

    def decrypt(self, blob: bytes) -> bytes:
        """Return the plaintext of a message that was encrypted for this session, among others.

        Raises:
            DecryptionError: ``version``, ``truncated``, ``session``, ``key``, ``tampered`` or
                ``rsa``.
        """
        if self._key is None:
            raise DecryptionError(
                "rsa",
                "an RSA keystore cannot decrypt messages; generate a new session, "
                "which has an Ed25519 key",
            )
        sender_key, body = _parse(blob)
        key = self._message_key(sender_key, _slot_of(self._id, blob, body))
        nonce, ciphertext = blob[body : body + _NONCE], blob[body + _NONCE :]
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, None)
        except InvalidTag:
            raise DecryptionError(
                "tampered", "the message was changed on its way: its tag is not that of its bytes"
            ) from None

    def _slot(self, recipient: Recipient, key: bytes) -> bytes:
        if not is_uuid(recipient.session_id):
            raise EncryptionError(f"session id: should be a UUID, not {recipient.session_id!r}")
        try:
            shared = self._shared_key(recipient.public_key)
        except ValueError:
            raise EncryptionError(
                f"session {recipient.session_id}: its public key is not a curve25519 key "
                "of 32 bytes; send plain"
            ) from None
        iv = self._random(16)
        encrypted = Cipher(shared, CBC(iv)).encryptor().update(key + _PADDING)
        return _SLOT.pack(UUID(recipient.session_id).bytes, iv, encrypted)

    def _message_key(self, sender_key: bytes, slot: bytes) -> bytes:
        _, iv, encrypted = _SLOT.unpack(slot)
        try:
            shared = self._shared_key(sender_key)
        except ValueError:
            raise DecryptionError(
                "key", "the sender's key in the message is not a curve25519 key"
            ) from None
        padded = Cipher(shared, CBC(iv)).decryptor().update(encrypted)
        if not hmac.compare_digest(padded[_MESSAGE_KEY:], _PADDING):
            raise DecryptionError(
                "key", "the message was encrypted for another key of this session, or damaged"
            )
        return padded[:_MESSAGE_KEY]


def encrypted_size(size: int, sessions: int) -> int:
    """Return the bytes of a message of ``size`` bytes when it is encrypted for ``sessions``."""
    return _HEAD.size + sessions * _SLOT.size + _NONCE + size + _TAG


def session_ids(blob: bytes) -> list[str]:
    """Return the ids of the sessions that an encrypted message is for, in its order.

    Raises:
        DecryptionError: ``version`` or ``truncated``.
    """
    _, body = _parse(blob)
    return [str(UUID(bytes=blob[at : at + 16])) for at in range(_HEAD.size, body, _SLOT.size)]


def sessions_checksum(session_ids: Iterable[str]) -> str:
    """Return the ``checksum`` of a message's ``recipient_sessions``: hex MD5 of their ids [D].

    Pass the recipient's sessions, without the sender's own; their order does not matter.
    """
    ids = "".join(sorted(session_id.lower() for session_id in session_ids))
    return hashlib.md5(ids.encode(), usedforsecurity=False).hexdigest()


def _parse(blob: bytes) -> tuple[bytes, int]:
    """Return the sender's public key and where the sessions end and the nonce begins."""
    if blob and blob[0] != _VERSION:
        raise DecryptionError(
            "version", f"encrypted in version {blob[0]}; only version {_VERSION} is known"
        )
    if len(blob) < _HEAD.size:
        raise DecryptionError(
            "truncated", f"an encrypted message begins with {_HEAD.size} bytes, has {len(blob)}"
        )
    _, count, sender_key = _HEAD.unpack_from(blob)
    least = encrypted_size(0, count)
    if len(blob) < least:
        raise DecryptionError(
            "truncated",
            f"an encrypted message for {count} sessions has at least {least} bytes, "
            f"this one {len(blob)}",
        )
    return sender_key, _HEAD.size + count * _SLOT.size


def _slot_of(session_id: bytes, blob: bytes, body: int) -> bytes:
    for at in range(_HEAD.size, body, _SLOT.size):
        if blob.startswith(session_id, at):
            return blob[at : at + _SLOT.size]
    raise DecryptionError(
        "session",
        f"the message was not encrypted for this session, {UUID(bytes=session_id)}, "
        f"but for {(body - _HEAD.size) // _SLOT.size} others",
    )


def _shared_key(own: X25519PrivateKey, public_key: bytes) -> AES256:
    """Return what two sessions have in common: raw X25519. ValueError: not a good key."""
    return AES256(own.exchange(X25519PublicKey.from_public_bytes(public_key)))
