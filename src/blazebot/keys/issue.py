"""New keystores in the shapes that the service hands out (protocol section 2)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blazebot.errors import KeystoreError
from blazebot.keys.curve import curve_public_key
from blazebot.keys.keystore import ADVISED_RSA, PublicKey
from blazebot.wire.base64 import encode_base64, encode_padded_base64
from blazebot.wire.ids import is_uuid

__all__ = ["FORMS", "Form", "Issued", "issue_keystore"]

Form = Literal["rsa", "ed25519", "app", "network-user"]

FORMS: Final[tuple[Form, ...]] = get_args(Form)
"""The shapes: the seeds' [S], the same with Ed25519 [D], today's dashboard's [D], a user's [C]."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new session: ``document`` for the bot's developer, the rest for the service to keep.

    ``document`` is the keystore's JSON object, a secret. ``curve_public_key`` is the session's
    curve25519 key as unpadded base64url, by which others encrypt to it; None for RSA, which
    cannot decrypt [C].
    """

    document: dict[str, str] = field(repr=False)
    public_key: PublicKey
    curve_public_key: str | None


def issue_keystore(
    form: str, app_id: str, session_id: str, *, rsa_bits: int = ADVISED_RSA
) -> Issued:
    """Return a new keystore in one of ``FORMS``, with a key made for it.

    The service's own RSA keys had 1024 bits [S]. Any client takes 2048 too, which count as safe
    today, so that is the default.

    Raises:
        KeystoreError: no such form, or an id is not a UUID.
    """
    for name, value in (("app_id", app_id), ("session_id", session_id)):
        if not is_uuid(value):
            raise KeystoreError(f"{name}: should be a UUID, not {value!r}")
    app_id, session_id = app_id.lower(), session_id.lower()
    if form == "rsa":
        return _issue_rsa(app_id, session_id, rsa_bits)
    key = Ed25519PrivateKey.generate()
    if form == "ed25519":
        document = _older(app_id, session_id, encode_base64(_new_curve_key()), _both_halves(key))
    elif form == "app":
        document = {
            "app_id": app_id,
            "session_id": session_id,
            "server_public_key": Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex(),
            "session_private_key": key.private_bytes_raw().hex(),
            # Optional, and yet one client refuses a keystore without it [C].
            "spend_private_key": secrets.token_hex(32),
        }
    elif form == "network-user":
        document = {
            "app_id": app_id,
            "session_id": session_id,
            "session_private_key": key.private_bytes_raw().hex(),
            "pin_token_base64": encode_base64(_new_curve_key()),
        }
    else:
        raise KeystoreError(
            f"there is no form {form!r} of a keystore; there are {', '.join(FORMS)}"
        )
    return Issued(document, key.public_key(), encode_base64(curve_public_key(key.public_key())))


def _issue_rsa(app_id: str, session_id: str, bits: int) -> Issued:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public_key = key.public_key()
    # One client decrypts it on loading, and refuses what it cannot decrypt [C].
    oaep = OAEP(MGF1(SHA256()), SHA256(), label=session_id.encode())
    pin_token = encode_padded_base64(public_key.encrypt(secrets.token_bytes(32), oaep))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    text = pem.decode("ascii").replace("\n", "\r\n")
    return Issued(_older(app_id, session_id, pin_token, text), public_key, None)


def _older(app_id: str, session_id: str, pin_token: str, private_key: str) -> dict[str, str]:
    return {
        "pin": f"{secrets.randbelow(1_000_000):06}",
        "client_id": app_id,
        "session_id": session_id,
        "pin_token": pin_token,
        "private_key": private_key,
    }


def _both_halves(key: Ed25519PrivateKey) -> str:
    return encode_base64(key.private_bytes_raw() + key.public_key().public_bytes_raw())


def _new_curve_key() -> bytes:
    return X25519PrivateKey.generate().public_key().public_bytes_raw()
