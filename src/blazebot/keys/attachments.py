"""Attachments of encrypted messages: how they are stored (protocol section 8).

    IV (16) | AES-256-CBC ciphertext, PKCS#7 | HMAC-SHA256 (32) over IV and ciphertext

The message's content has the ``key`` (64 bytes: 32 for AES, 32 for HMAC) and the ``digest``, the
SHA-256 of all that is stored, both as standard padded base64 [C]. Files pass through in chunks: the
memory used does not depend on their size.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from blazebot.errors import DecryptionError

__all__ = [
    "KEY_SIZE",
    "AttachmentEncryptor",
    "EncryptedAttachment",
    "decrypt_attachment",
    "decrypt_attachment_file",
    "encrypt_attachment",
    "stored_size",
    "verify_attachment",
]

KEY_SIZE: Final = 64
"""Bytes of an attachment's key: 32 for AES, then 32 for HMAC [C]."""

CHUNK: Final = 1024 * 1024
"""Bytes of a stored file that are read at a time (ours)."""

_BLOCK: Final = 16
_MAC: Final = 32
_LEAST: Final = _BLOCK + _BLOCK + _MAC


@dataclass(frozen=True, slots=True)
class EncryptedAttachment:
    """``stored`` is to be uploaded; ``key`` (64 bytes) and ``digest`` (32) go into the message."""

    stored: bytes = field(repr=False)
    key: bytes = field(repr=False)
    digest: bytes


class AttachmentEncryptor:
    """Encrypts one attachment in chunks of any size.

    ``key`` (64 bytes) is new for each attachment. ``digest`` (32 bytes) is that of all that was
    returned: of the whole stored blob once :meth:`finalize` was called. ``random`` gives as many
    random bytes as it is asked for.
    """

    def __init__(self, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self.key = random(KEY_SIZE)
        self._iv = random(_BLOCK)
        self._size = 0
        self._encryptor = Cipher(AES256(self.key[:32]), CBC(self._iv)).encryptor()
        self._mac = hmac.new(self.key[32:], digestmod=hashlib.sha256)
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what was returned so far, 32 bytes."""
        return self._digest.digest()

    def update(self, data: bytes) -> bytes:
        """Return the next part of what is to be stored; it may be empty, or longer than ``data``.

        Raises:
            cryptography.exceptions.AlreadyFinalized: after :meth:`finalize`.
        """
        encrypted = self._encryptor.update(data)
        self._size += len(data)
        return self._authenticated(encrypted)

    def finalize(self) -> bytes:
        """Return the last part: the rest, padded, and the HMAC.

        Raises:
            cryptography.exceptions.AlreadyFinalized: when called twice.
        """
        padding = _BLOCK - self._size % _BLOCK
        last = self._encryptor.update(bytes([padding]) * padding) + self._encryptor.finalize()
        last = self._authenticated(last)
        mac = self._mac.digest()
        self._digest.update(mac)
        return last + mac

    def _authenticated(self, encrypted: bytes) -> bytes:
        encrypted, self._iv = self._iv + encrypted, b""  # the IV goes before the first part
        self._mac.update(encrypted)
        self._digest.update(encrypted)
        return encrypted


def stored_size(size: int) -> int:
    """Return the bytes that an attachment of ``size`` bytes takes when it is stored encrypted."""
    return _BLOCK + (size // _BLOCK + 1) * _BLOCK + _MAC


def encrypt_attachment(data: bytes) -> EncryptedAttachment:
    """Return ``data`` as it is stored, with its new key and its digest."""
    encryptor = AttachmentEncryptor()
    stored = encryptor.update(data) + encryptor.finalize()
    return EncryptedAttachment(stored, encryptor.key, encryptor.digest)


def verify_attachment(file: BinaryIO, *, key: bytes, digest: bytes) -> None:
    """Read a stored attachment once, from its start, and check that it is what the message says.

    Raises:
        DecryptionError: ``key``: not of 64 bytes; ``truncated``: no attachment has this size;
            ``digest``: these are not the bytes that the message speaks of; ``mac``: the digest is
            right, but they were not encrypted with this key.
    """
    _check_key(key)
    size = _size_of(file)
    mac = hmac.new(key[32:], digestmod=hashlib.sha256)
    whole = hashlib.sha256()
    file.seek(0)
    for chunk in _chunks(file, size - _MAC):
        mac.update(chunk)
        whole.update(chunk)
    stored_mac = _read(file, _MAC)
    whole.update(stored_mac)
    if not hmac.compare_digest(whole.digest(), digest):
        raise DecryptionError(
            "digest", "the attachment's bytes are not those of the message: its digest differs"
        )
    if not hmac.compare_digest(mac.digest(), stored_mac):
        raise DecryptionError(
            "mac", "the attachment was not encrypted with the message's key: its HMAC differs"
        )


def decrypt_attachment_file(file: BinaryIO, *, key: bytes, digest: bytes) -> Iterator[bytes]:
    """Check a stored attachment, all of it, then return its plaintext, in chunks as it is read.

    ``file`` must be seekable and is to stay unchanged meanwhile. It is read from its start, twice:
    what is wrong is found by this call itself, before there is any plaintext.

    Raises:
        DecryptionError: as :func:`verify_attachment`; and ``padding``: the last block is not
            padded as it should be, so who encrypted it made a mistake.
    """
    verify_attachment(file, key=key, digest=digest)
    return _plaintext(file, key, _last_part(file, key))


def decrypt_attachment(stored: bytes, *, key: bytes, digest: bytes) -> bytes:
    """Return the plaintext of a stored attachment.

    Raises:
        DecryptionError: as :func:`decrypt_attachment_file`.
    """
    return b"".join(decrypt_attachment_file(io.BytesIO(stored), key=key, digest=digest))


def _last_part(file: BinaryIO, key: bytes) -> bytes:
    """Return the plaintext, 0 to 15 bytes, of the last block: CBC needs only the one before it."""
    file.seek(-_LEAST, os.SEEK_END)
    before, last = _read(file, _BLOCK), _read(file, _BLOCK)
    padded = Cipher(AES256(key[:32]), CBC(before)).decryptor().update(last)
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise DecryptionError(
            "padding", "the attachment's last block is not padded as it should be (PKCS#7)"
        ) from None


def _plaintext(file: BinaryIO, key: bytes, last: bytes) -> Iterator[bytes]:
    whole_blocks = _size_of(file) - _LEAST
    file.seek(0)
    decryptor = Cipher(AES256(key[:32]), CBC(_read(file, _BLOCK))).decryptor()
    for chunk in _chunks(file, whole_blocks):
        yield decryptor.update(chunk)
    yield last


def _check_key(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise DecryptionError("key", f"an attachment's key has {KEY_SIZE} bytes, this {len(key)}")


def _size_of(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    if size < _LEAST or size % _BLOCK:
        raise DecryptionError(
            "truncated",
            f"an encrypted attachment has {_LEAST} bytes or more, a multiple of {_BLOCK}; "
            f"this one has {size}: fetch it again",
        )
    return size


def _read(file: BinaryIO, size: int) -> bytes:
    return b"".join(_chunks(file, size))


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the next ``size`` bytes of a file, all of them."""
    while size:
        data = file.read(min(size, CHUNK))
        if not data:
            raise DecryptionError("truncated", f"the attachment's file ended {size} bytes early")
        size -= len(data)
        yield data
