"""Keystores: what a bot signs with, read from every shape in use (protocol section 2)."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from blazebot.errors import ContentError, FrameError, KeystoreError
from blazebot.wire.base64 import decode_base64
from blazebot.wire.codec import decode_json
from blazebot.wire.ids import is_uuid

__all__ = [
    "Algorithm",
    "Keystore",
    "PrivateKey",
    "PublicKey",
    "check_is_new",
    "fingerprint",
    "keystore_path",
    "save_keystore",
]

Algorithm = Literal["RS512", "EdDSA"]
PrivateKey = RSAPrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | Ed25519PublicKey

ENVIRONMENT_VARIABLE: Final = "BLAZEBOT_KEYSTORE"

SMALLEST_RSA: Final = 1024
"""Bits of the RSA keys in the seeds [S]; we refuse smaller ones."""
ADVISED_RSA: Final = 2048
"""Bits below which an RSA key counts as weak today."""

logger = logging.getLogger("blazebot.keys")

_HEX_KEY = re.compile(r"(?:[0-9a-fA-F]{64}){1,2}")
_PEM_BEGIN = "-----BEGIN "
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)
_KEY_SHOULD = "should hold a PEM block, or an Ed25519 key of 64 or 32 bytes as base64 or hex"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Keystore:
    """What a bot signs its tokens with.

    Ids are in lower case. ``authorization_id`` and ``scope`` are set where the keystore acts for a
    user who authorised the bot [C]; ``session_id`` may then be empty. The last four move money:
    they are carried, and never shown, sent or used.
    """

    app_id: str
    session_id: str
    private_key: PrivateKey = field(repr=False)
    authorization_id: str | None = None
    scope: str | None = None
    pin: str | None = field(default=None, repr=False)
    pin_token: str | None = field(default=None, repr=False)
    server_public_key: str | None = field(default=None, repr=False)
    spend_private_key: str | None = field(default=None, repr=False)

    @classmethod
    def load(
        cls, source: str | os.PathLike[str] | Mapping[str, Any] | Keystore | None = None
    ) -> Keystore:
        """Return the keystore of ``source``: a path, JSON text, its object, or a keystore.

        Text that starts with ``{`` is JSON, any other a path. None stands for the environment
        variable ``BLAZEBOT_KEYSTORE``, which holds either.

        Raises:
            KeystoreError: it cannot be used; the message names the field and what it should hold.
        """
        if isinstance(source, Keystore):
            return source
        if isinstance(source, Mapping):
            return _from_document(source)
        if source is None:
            where, text = ENVIRONMENT_VARIABLE, os.environ.get(ENVIRONMENT_VARIABLE, "")
        else:
            where, text = "keystore", os.fspath(source)
        if not text.strip():
            raise KeystoreError(f"no keystore: pass its path or set {ENVIRONMENT_VARIABLE}")
        if text.lstrip().startswith("{"):
            data = text.encode("utf-8", "surrogatepass")
        else:
            # What looks like a key is no path, and must not be shown as one.
            if _PEM_BEGIN in text or "\n" in text:
                raise KeystoreError(f"{where}: should be a path or a JSON object")
            where, data = text, _read(text)
        try:
            return _from_document(_parse(data))
        except KeystoreError as error:
            raise KeystoreError(f"{where}: {error}") from None

    @property
    def algorithm(self) -> Algorithm:
        """The ``alg`` of the tokens that it signs."""
        return "RS512" if isinstance(self.private_key, RSAPrivateKey) else "EdDSA"

    @property
    def public_key(self) -> PublicKey:
        """The public key of the session."""
        return self.private_key.public_key()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the public key, see :func:`fingerprint`."""
        return fingerprint(self.public_key)


def keystore_path(
    source: str | os.PathLike[str] | Mapping[str, Any] | Keystore | None,
) -> Path | None:
    """Return the file that :meth:`Keystore.load` would read; None if it would read none."""
    if isinstance(source, Keystore | Mapping):
        return None
    text = os.environ.get(ENVIRONMENT_VARIABLE, "") if source is None else os.fspath(source)
    return None if not text.strip() or text.lstrip().startswith("{") else Path(text)


def check_is_new(path: Path) -> None:
    """Say before a keystore is made that it could not be saved at ``path``.

    Raises:
        KeystoreError: there is a file already.
    """
    if os.path.lexists(path):
        raise _is_there(path)


def _is_there(path: Path) -> KeystoreError:
    return KeystoreError(
        f"{path}: is there already, and nothing is written over: move it away, or name another"
    )


def save_keystore(document: Mapping[str, Any], path: Path) -> None:
    """Write a keystore document to a new file that only its owner can read.

    Raises:
        KeystoreError: the file exists, which is never written over, or cannot be made.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise KeystoreError(f"{path}: cannot be written: {error.strerror}") from None
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(json.dumps(dict(document), indent=1) + "\n")


def fingerprint(public_key: PublicKey) -> str:
    """Return the hex SHA-256 of a public key's DER SubjectPublicKeyInfo."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _read(path: str) -> bytes:
    shown = "keystore (its path is not shown: it could be a key)" if _is_key(path) else path
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except FileNotFoundError:
        raise KeystoreError(f"{shown}: there is no such file") from None
    except IsADirectoryError:
        raise KeystoreError(f"{shown}: is a directory; pass the path of a keystore file") from None
    except OSError as error:
        raise KeystoreError(f"{shown}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise KeystoreError("the keystore's path holds characters that no path can have") from None
    if os.name == "posix" and mode & 0o077:
        logger.warning("%s can be read by others on this machine; run: chmod 600 %s", path, path)
    return data


def _is_key(text: str) -> bool:
    """Tell whether a path may in truth be an Ed25519 key, passed by mistake."""
    try:
        _ed25519_key("", text.strip())
    except KeystoreError:
        return False
    return True


def _parse(data: bytes) -> dict[str, Any]:
    try:
        return decode_json(data.removeprefix(b"\xef\xbb\xbf"), dict[str, Any])
    except FrameError as error:
        raise KeystoreError(f"should be one JSON object: {error}") from None


def _from_document(document: Mapping[str, Any]) -> Keystore:
    app_id = _id(document, "app_id", "client_id", "user_id")
    authorization_id = scope = None
    if _text(document, "authorization_id")[1]:
        authorization_id = _id(document, "authorization_id")
        scope = _text(document, "scope")[1]
        if not scope:
            raise KeystoreError("scope: missing; should hold what the user granted")
    if authorization_id and not _text(document, "session_id")[1]:
        session_id = ""
    else:
        session_id = _id(document, "session_id")
    return Keystore(
        app_id=app_id,
        session_id=session_id,
        private_key=_private_key(document),
        authorization_id=authorization_id,
        scope=scope,
        pin=_carried(document, "pin"),
        pin_token=_carried(document, "pin_token", "pin_token_base64"),
        server_public_key=_carried(document, "server_public_key"),
        spend_private_key=_carried(document, "spend_private_key"),
    )


def _text(document: Mapping[str, Any], *names: str) -> tuple[str, str]:
    """Return the first of these fields that is there and its text; the text is empty if none is."""
    for name in names:
        value = document.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise KeystoreError(f"{name}: should be text, is {type(value).__name__}")
        if value.strip():
            return name, value.strip()
    return " or ".join(names), ""


def _id(document: Mapping[str, Any], *names: str) -> str:
    name, text = _text(document, *names)
    if not text:
        raise KeystoreError(f"{name}: missing; should hold a UUID")
    if not is_uuid(text):
        raise KeystoreError(f"{name}: should be a UUID: 36 characters, 8-4-4-4-12 hex digits")
    return text.lower()


def _carried(document: Mapping[str, Any], *names: str) -> str | None:
    return _text(document, *names)[1] or None


def _private_key(document: Mapping[str, Any]) -> PrivateKey:
    name, text = _text(document, "session_private_key", "private_key")
    if not text:
        raise KeystoreError(f"{name}: missing; {_KEY_SHOULD}")
    return _pem_key(name, text) if _PEM_BEGIN in text else _ed25519_key(name, text)


def _pem_key(name: str, text: str) -> PrivateKey:
    # Line ends are lost or written out as \n where PEM goes through an environment or a form.
    block = _PEM.search(text.replace("\\r", "").replace("\\n", ""))
    if block is None:
        raise KeystoreError(f"{name}: the PEM block is truncated: its END line is missing")
    label, body = block[1], textwrap.fill("".join(block[2].split()), 64)
    pem = f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeystoreError(
            f"{name}: the PEM block is damaged, truncated or has a password; "
            "should hold an RSA private key, whole and plain"
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise KeystoreError(f"{name}: should hold an RSA or Ed25519 key, not another kind")
    if key.key_size < SMALLEST_RSA:
        raise KeystoreError(
            f"{name}: should hold an RSA key of at least {SMALLEST_RSA} bits, has {key.key_size}"
        )
    if key.key_size < ADVISED_RSA:
        _advise_new_session()
    return key


@functools.cache  # once per process
def _advise_new_session() -> None:
    logger.warning(
        "the keystore's RSA key has less than %d bits; generate a new session, "
        "which has an Ed25519 key",
        ADVISED_RSA,
    )


def _ed25519_key(name: str, text: str) -> Ed25519PrivateKey:
    if _HEX_KEY.fullmatch(text):
        raw = bytes.fromhex(text)
    else:
        try:
            raw = decode_base64(text)
        except ContentError:
            raise KeystoreError(f"{name}: {_KEY_SHOULD}") from None
    if len(raw) not in (32, 64):
        raise KeystoreError(f"{name}: {_KEY_SHOULD}; these {len(text)} characters are neither")
    key = Ed25519PrivateKey.from_private_bytes(raw[:32])
    if len(raw) == 64 and key.public_key().public_bytes_raw() != raw[32:]:
        raise KeystoreError(f"{name}: its public half does not belong to its seed; copy it again")
    return key
