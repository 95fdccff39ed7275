"""What is secret, in every form that it could have, and where it was written."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blazebot.errors import KeystoreError
from blazebot.keys.curve import curve_private_key
from blazebot.keys.keystore import Keystore

PUBLIC = {
    *("app_id", "client_id", "session_id", "server_public_key", "scope", "authorization_id"),
    "ed25519",  # the key by which answers are checked
}
"""Fields of keystores and authorizations that are no secrets."""

TOKEN = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
"""A JSON web token."""

AT_DEBUG = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"


def log_all(folder: Path) -> str:
    """Return what PYTHONPATH has to begin with, so that a program logs at DEBUG."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(AT_DEBUG)
    return str(folder)


SHORT = 8
"""Bytes of what may occur by chance in numbers and ids, such as a PIN."""


def forms(secret: str | bytes) -> set[bytes]:
    """Return a secret as it could be written: as it is, as a repr, hex, URL-quoted, base64."""
    raw = secret.encode() if isinstance(secret, str) else secret
    return {
        raw,
        repr(raw)[2:-1].encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        quote(raw, safe="").encode(),
        quote_plus(raw).encode(),
        *in_base64(raw),
    }


def in_base64(raw: bytes) -> set[bytes]:
    """Return what is in the base64, of both alphabets, of anything that has ``raw`` in it.

    Such as a password in ``user:password``. What is short is looked for by itself only.
    """
    found = set()
    for before in range(3 if len(raw) > SHORT else 1):
        coded = base64.b64encode(bytes(before) + raw)
        # Without the characters that have a part in what stands before or behind.
        found.add(coded[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3])
    found.add(base64.b64encode(raw).rstrip(b"="))
    return found | {one.translate(bytes.maketrans(b"+/", b"-_")) for one in found}


def all_forms(*secrets: str) -> set[bytes]:
    """Return the forms of several secrets."""
    return set().union(*map(forms, secrets))


def secrets_in(document: Mapping[str, Any]) -> set[bytes]:
    """Return what of a keystore, or of an authorization, must be nowhere else, in all forms."""
    found: set[bytes] = set()
    for name, value in document.items():
        if name in PUBLIC or not value:
            continue
        if "PRIVATE KEY" in value:
            found |= all_forms(*(line for line in value.split() if len(line) >= 60))
            continue
        found |= forms(value)
    try:
        key = Keystore.load(document).private_key
    except KeystoreError:  # an authorization with an access token has no key
        return found
    if isinstance(key, RSAPrivateKey):
        exponent = key.private_numbers().d
        der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return found | forms(der) | {str(exponent).encode(), f"{exponent:x}".encode()}
    raw = key.private_bytes_raw()
    halves = raw + key.public_key().public_bytes_raw()
    curve = curve_private_key(key).private_bytes_raw()
    return found | forms(raw) | forms(halves) | forms(curve)


def leaks(folder: Path, secrets: Iterable[bytes]) -> list[str]:
    """Return files below ``folder`` that hold a secret or a token."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        # A PIN of six digits occurs by chance in any number, so it counts as a word only.
        for secret in secrets:
            if len(secret) > SHORT:
                leaked = secret in data
            else:
                leaked = (
                    re.search(rb"(?<![\w.-])%b(?![\w.-])" % re.escape(secret), data) is not None
                )
            if leaked:
                found.append(f"{path.name}: {secret[:4]!r}...")
        if TOKEN.search(data):
            found.append(f"{path.name}: a token")
    return found
