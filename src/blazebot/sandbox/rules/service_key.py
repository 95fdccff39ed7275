"""The service's own OAuth key: signs answers and access tokens (protocol section 3)."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from blazebot.keys.tokens import request_hash
from blazebot.sandbox.storage.database import Database
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json

__all__ = ["INTEGRITY_HEADER", "ServiceKey"]

INTEGRITY_HEADER: Final = "X-Integrity-Token"
"""Where an answer to a call on behalf of a person is signed [C]."""

_INTEGRITY_LIFETIME: Final = 600
"""Seconds after which such a signature expires."""

_ALGORITHM: Final = "EdDSA"
_jws = jwt.PyJWS(algorithms=[])
_jws.register_algorithm(_ALGORITHM, OKPAlgorithm())


class ServiceKey:
    """An Ed25519 key, made when it is first needed and kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.on_rollback.append(self._forget)

    @cached_property
    def private_key(self) -> Ed25519PrivateKey:
        """The key itself."""
        row = self._database.read("SELECT private_key FROM oauth_keys").fetchone()
        if row is not None:
            return Ed25519PrivateKey.from_private_bytes(row[0])
        key = Ed25519PrivateKey.generate()
        self._database.write("INSERT INTO oauth_keys VALUES (?)", (key.private_bytes_raw(),))
        return key

    @property
    def public_text(self) -> str:
        """The public key as clients are told it: base64url of 32 bytes [D]."""
        return encode_base64(self.private_key.public_key().public_bytes_raw())

    def integrity_token(
        self, request_id: str, method: str, uri: str, answer: bytes, *, now: float
    ) -> str:
        """Return the signature under an answer's body; ``now`` is in unix seconds [C]."""
        return self._sign(
            {
                "jti": request_id,
                "iat": int(now),
                "exp": int(now) + _INTEGRITY_LIFETIME,
                "sig": request_hash(method, uri, answer),
            }
        )

    def access_token(
        self, app_id: str, authorization_id: str, scope: str, *, now: float, lifetime: float
    ) -> str:
        """Return a token that stands for an authorization by itself; times are in seconds [D]."""
        return self._sign(
            {
                "iss": app_id,
                "aid": authorization_id,
                "scp": scope,
                "iat": int(now),
                "exp": int(now + lifetime),
            }
        )

    def _sign(self, claims: dict[str, str | int]) -> str:
        return _jws.encode(encode_json(claims), self.private_key, _ALGORITHM)

    def _forget(self) -> None:
        self.__dict__.pop("private_key", None)
