"""A keystore in another of the shapes in use (protocol section 2), with the same key."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blazebot.errors import KeystoreError
from blazebot.keys.issue import FORMS
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import encode_base64

__all__ = ["convert_keystore"]


def convert_keystore(keystore: Keystore, form: str) -> dict[str, Any]:
    """Return the keystore as a document in one of ``FORMS``; a secret, as the keystore is.

    What the form has a place for and the keystore does not hold is left out: clients that insist on
    it (a ``pin_token``, a ``spend_private_key``) need it added by hand.

    Raises:
        KeystoreError: no such form, the key is of the other kind, or the keystore acts for a user.
    """
    if form not in FORMS:
        raise KeystoreError(
            f"there is no form {form!r} of a keystore; there are {', '.join(FORMS)}"
        )
    if keystore.authorization_id:
        raise KeystoreError("a keystore that acts for a user who authorised has one shape only")
    key = keystore.private_key
    if isinstance(key, RSAPrivateKey) != (form == "rsa"):
        kind = "an RSA" if isinstance(key, RSAPrivateKey) else "an Ed25519"
        raise KeystoreError(
            f"the form {form} cannot hold {kind} key; a key cannot be converted: generate a new "
            "session for the other kind"
        )
    if isinstance(key, RSAPrivateKey):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        private_key, seed = pem.decode("ascii"), ""
    else:
        raw = key.private_bytes_raw()
        private_key = encode_base64(raw + key.public_key().public_bytes_raw())
        seed = raw.hex()
    document = {
        "app": {
            "app_id": keystore.app_id,
            "session_id": keystore.session_id,
            "server_public_key": keystore.server_public_key,
            "session_private_key": seed,
            "spend_private_key": keystore.spend_private_key,
        },
        "network-user": {
            "app_id": keystore.app_id,
            "session_id": keystore.session_id,
            "session_private_key": seed,
            "pin_token_base64": keystore.pin_token,
        },
    }.get(
        form,
        {
            "pin": keystore.pin,
            "client_id": keystore.app_id,
            "session_id": keystore.session_id,
            "pin_token": keystore.pin_token,
            "private_key": private_key,
        },
    )
    return {name: value for name, value in document.items() if value}
