"""Encrypted texts as the stub makes and the floor reads them: bare calls of the crypto library."""

from __future__ import annotations

import hashlib
import os
from struct import Struct
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from bench.frames import decode_base64

NEW_SENDERS: Final = 10
"""One text of so many comes from a sender whose key was not seen before."""

_HEAD: Final = Struct("<BH32s")
_SLOT: Final = Struct("16s16s32s")
_PADDING: Final = bytes([16]) * 16
_KEY: Final = 16
_NONCE: Final = 12


class Session:
    """The client's session: the one for which texts are encrypted, and which reads them."""

    def __init__(self, keystore: str) -> None:
        document = msgspec.json.decode(keystore, type=dict[str, str])
        seed = decode_base64(document["private_key"])[:32]
        self.id = UUID(document["session_id"]).bytes
        self._private_key = X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])
        self.public_key = self._private_key.public_key()
        self._shared: dict[bytes, AES256] = {}

    def decrypt(self, blob: bytes) -> bytes:
        """Return the plaintext of what was encrypted for this session alone."""
        _, _, sender = _HEAD.unpack_from(blob)
        _, iv, encrypted = _SLOT.unpack_from(blob, _HEAD.size)
        shared = self._shared.get(sender)
        if shared is None:
            public_key = X25519PublicKey.from_public_bytes(sender)
            shared = self._shared[sender] = AES256(self._private_key.exchange(public_key))
        key = Cipher(shared, CBC(iv)).decryptor().update(encrypted)[:_KEY]
        body = _HEAD.size + _SLOT.size
        return AESGCM(key).decrypt(blob[body : body + _NONCE], blob[body + _NONCE :], None)


class Senders:
    """People who encrypt for ``session``, more and more of them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._senders: list[tuple[bytes, AES256]] = []
        self._encrypted = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return ``plaintext`` encrypted by one of them."""
        if self._encrypted % NEW_SENDERS == 0:
            private_key = X25519PrivateKey.generate()
            shared = AES256(private_key.exchange(self._session.public_key))
            self._senders.append((private_key.public_key().public_bytes_raw(), shared))
            sender, shared = self._senders[-1]
        else:
            sender, shared = self._senders[self._encrypted % len(self._senders)]
        self._encrypted += 1
        key, iv, nonce = os.urandom(_KEY), os.urandom(16), os.urandom(_NONCE)
        slot = Cipher(shared, CBC(iv)).encryptor().update(key + _PADDING)
        return b"".join(
            (
                _HEAD.pack(1, 1, sender),
                _SLOT.pack(self._session.id, iv, slot),
                nonce,
                AESGCM(key).encrypt(nonce, plaintext, None),
            )
        )
