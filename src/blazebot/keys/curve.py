"""From Ed25519 to curve25519: sessions sign with the one and encrypt with the other.

Both are the same curve in two forms (RFC 7748, section 4.1), so one seed serves for both [C].
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

__all__ = ["curve_private_key", "curve_public_key"]

_PRIME: Final = 2**255 - 19


def curve_private_key(key: Ed25519PrivateKey) -> X25519PrivateKey:
    """Return the curve25519 key with the secret scalar of an Ed25519 key [C]."""
    # X25519 clears and sets the scalar's bits just as Ed25519 does.
    scalar = hashlib.sha512(key.private_bytes_raw()).digest()[:32]
    return X25519PrivateKey.from_private_bytes(scalar)


def curve_public_key(key: Ed25519PublicKey) -> bytes:
    """Return the curve25519 public key, 32 bytes, of an Ed25519 public key [C].

    The Edwards point's y becomes u = (1 + y) / (1 - y); y = 1 becomes 0, which nothing can be
    encrypted to.
    """
    sign_bit = 1 << 255
    y = int.from_bytes(key.public_bytes_raw(), "little") & (sign_bit - 1)
    u = (1 + y) * pow(1 - y, _PRIME - 2, _PRIME) % _PRIME
    return u.to_bytes(32, "little")
