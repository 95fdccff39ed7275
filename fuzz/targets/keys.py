"""Keystores and encryption: nothing of a secret in an error, and nothing but what was encrypted."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.errors import DecryptionError, EncryptionError, KeystoreError
from blazebot.keys.attachments import AttachmentEncryptor, decrypt_attachment
from blazebot.keys.convert import convert_keystore
from blazebot.keys.encryption import (
    MessageCipher,
    Recipient,
    encrypted_size,
    session_ids,
    sessions_checksum,
)
from blazebot.keys.issue import FORMS
from blazebot.keys.keystore import Keystore
from fuzz.bending import bent, spelled
from fuzz.choices import Choices
from fuzz.seeds import keystores
from fuzz.watch import check, check_shows_none

_SESSIONS: Final = (
    "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8",
    "0f4b1ee2-35a3-43a6-b3a5-2a3a0ac0c5a1",
)
_ODD_SESSIONS: Final = ("", "c87ff6c9", _SESSIONS[0].upper(), "{" + _SESSIONS[0] + "}", "é" * 36)

_SECRET: Final = ("private_key", "session_private_key", "spend_private_key", "pin_token")


def keystore(data: bytes) -> None:
    """Keystores in every shape, bent; given as text, as an object, or as nothing but the key."""
    choices = Choices(data)
    documents = keystores()
    good = choices.pick(documents)
    document = bent(choices, good)
    text = spelled(choices, document).decode("utf-8", "surrogateescape")
    source: Any = text if text.lstrip().startswith("{") else "{" + text
    if isinstance(document, dict) and choices.once_in(4):
        source = document
    elif choices.once_in(16):
        source = good.get("session_private_key") or good["private_key"]
    elif choices.once_in(4):
        source = "{" + choices.rest().decode("utf-8", "surrogateescape")
    secrets = {value for one in documents for name, value in one.items() if name in _SECRET}
    try:
        loaded = Keystore.load(source)
    except KeystoreError as error:
        check_shows_none(str(error), secrets)
        check(error.__suppress_context__ or error.__context__ is None, "a cause that may tell more")
        return
    # A scope is shown, whatever it is: a secret that has come to stand there too.
    check_shows_none(repr(loaded).replace(repr(loaded.scope), ""), secrets)
    _convert(loaded)


def _convert(loaded: Keystore) -> None:
    for form in FORMS:
        with contextlib.suppress(KeystoreError):
            again = Keystore.load(convert_keystore(loaded, form))
            same = (again.app_id, again.session_id, again.fingerprint)
            check(same == (loaded.app_id, loaded.session_id, loaded.fingerprint), form)


@cache
def _ciphers() -> list[MessageCipher]:
    return [
        MessageCipher(session, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
        for number, session in enumerate(_SESSIONS)
    ]


def encryption(data: bytes) -> None:
    """Messages for good and odd recipients, read by each; and any bytes, read as a message."""
    choices = Choices(data)
    sender, reader = _ciphers()
    with contextlib.suppress(DecryptionError):
        reader.decrypt(data)
    with contextlib.suppress(DecryptionError):
        sessions_checksum(session_ids(data))
    recipients = [Recipient(_SESSIONS[1], reader.public_key)]
    is_good = True
    for _ in range(choices.below(4)):
        recipient, is_one = _recipient(choices)
        recipients.insert(choices.below(2), recipient)
        is_good = is_good and is_one
    plaintext = choices.some()
    try:
        blob = sender.encrypt(plaintext, recipients)
    except EncryptionError:
        check(not is_good, "good recipients were refused")
    else:
        check(len(blob) == encrypted_size(len(plaintext), len(recipients)), "of another size")
        check(reader.decrypt(blob) == plaintext, "what was encrypted is not what was decrypted")
        _change(choices, reader, blob, plaintext)
    _attachment(choices)


def _recipient(choices: Choices) -> tuple[Recipient, bool]:
    """Return somebody to encrypt for, and whether that is possible for sure."""
    key = choices.pick((_ciphers()[0].public_key, bytes(32), b"\1" + bytes(31), b"\xff" * 32, b""))
    session = choices.pick((_SESSIONS[0], *_ODD_SESSIONS))
    if choices.once_in(4):
        key = choices.some()
    return Recipient(session, key), (session, key) == (_SESSIONS[0], _ciphers()[0].public_key)


def _change(choices: Choices, reader: MessageCipher, blob: bytes, plaintext: bytes) -> None:
    at = choices.below(len(blob))
    changed = blob[:at] + choices.some() + blob[at + choices.below(64) :]
    with contextlib.suppress(DecryptionError):
        check(reader.decrypt(changed) == plaintext, "changed bytes gave another text")


def _attachment(choices: Choices) -> None:
    encryptor = AttachmentEncryptor()
    parts = [choices.some() for _ in range(choices.below(4))]
    stored = b"".join([*map(encryptor.update, parts), encryptor.finalize()])
    key, digest = encryptor.key, encryptor.digest
    check(decrypt_attachment(stored, key=key, digest=digest) == b"".join(parts), "another file")
    at = choices.below(len(stored))
    changed = stored[:at] + choices.some() + stored[at + choices.below(64) :]
    wrong_key = choices.pick((key, choices.some(), bytes(64)))
    try:
        got = decrypt_attachment(changed, key=wrong_key, digest=choices.pick((digest, b"")))
    except DecryptionError:
        return
    check((got, wrong_key) == (b"".join(parts), key), "changed bytes gave another file")
