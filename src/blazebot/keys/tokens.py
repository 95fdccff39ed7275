"""Tokens: what proves that a request is from a session (protocol section 3). No clock here."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from blazebot.errors import FrameError, TokenError
from blazebot.keys.keystore import Algorithm, Keystore, PublicKey
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.limits import CLOCK_TOLERANCE

__all__ = ["Claims", "algorithm_of", "read_token", "request_hash", "sign_token", "verify_token"]

FULL: Final = "FULL"

LIFETIME: Final = 24 * 3600
"""Seconds until a token of ours expires, if not said otherwise.

A token is for one request [D], so it need only outlive a clock that is somewhat off. Clients use
60 s to 365 days [C].
"""

TOKEN_LIMIT: Final = 8 * 1024
"""Characters of the longest token that is read (ours): as long as an HTTP header may be."""

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=2**53)]


class _RSA(RSAAlgorithm):
    """PyJWT's RSA without its warning at each use of a short key: the keystore warns once."""

    def check_key_length(self, key: Any) -> str | None:
        return None


# Our own instance knows these two algorithms and no other, neither "none" nor HMAC.
_jws = jwt.PyJWS(algorithms=[])
_jws.register_algorithm("RS512", _RSA(RSAAlgorithm.SHA512))
_jws.register_algorithm("EdDSA", OKPAlgorithm())


class Claims(msgspec.Struct, kw_only=True):
    """What a token says. Times are in unix seconds.

    A bot's token has ``uid`` (its app id) and ``sid`` (its session id); one on behalf of a user has
    ``iss`` (the app id) and ``aid`` (the authorization id) instead [D]. What is absent is empty.
    """

    iat: _Seconds
    exp: _Seconds
    uid: str = ""
    sid: str = ""
    iss: str = ""
    aid: str = ""
    jti: str = ""
    sig: str = ""
    scp: str = ""


def request_hash(method: str, uri: str, body: bytes = b"") -> str:
    """Return the ``sig`` of a request: hex SHA-256 of method, uri and body [S].

    ``uri`` is path and query exactly as sent, without the host; ``body`` is the raw bytes.
    """
    # Servers keep bytes that are not UTF-8 as escapes; these come back as they were.
    head = (method + uri).encode("utf-8", "surrogateescape")
    return hashlib.sha256(head + body).hexdigest()


def sign_token(
    keystore: Keystore,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    now: float,
    lifetime: int = LIFETIME,
    request_id: str | None = None,
) -> str:
    """Return a token for one request.

    ``now`` is in unix seconds, ``lifetime`` in seconds. ``request_id`` should be what
    ``X-Request-Id`` holds, as some clients check that [C]; without it a fresh UUID is used.
    """
    if keystore.authorization_id:
        who = {"iss": keystore.app_id, "aid": keystore.authorization_id}
    else:
        who = {"uid": keystore.app_id, "sid": keystore.session_id}
    claims = {
        **who,
        "iat": int(now),
        "exp": int(now) + lifetime,
        "jti": request_id or str(uuid4()),
        "sig": request_hash(method, uri, body),
        "scp": keystore.scope or FULL,
    }
    return _jws.encode(encode_json(claims), keystore.private_key, keystore.algorithm)


def read_token(token: str) -> tuple[str, Claims]:
    """Return a token's ``alg`` and claims, **unverified**, to look its session up with.

    Raises:
        TokenError: ``malformed``.
    """
    header, claims = _decode(token, verify=None)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise TokenError("malformed", "the token's header has no alg")
    return algorithm, claims


def verify_token(
    token: str,
    *,
    public_key: PublicKey,
    now: float,
    method: str,
    uri: str,
    body: bytes = b"",
    check_request: bool = True,
) -> Claims:
    """Return the claims of a token that ``public_key``'s session signed for this request.

    ``now`` is in unix seconds. With ``check_request`` off a token for another request passes:
    compare ``sig`` with :func:`request_hash` to know, since shipped clients get it wrong [C].

    Raises:
        TokenError: ``malformed``; ``algorithm``: not that of the key; ``signature``; ``clock``:
            ``iat`` is more than 5 minutes off, either way [S]; ``expired``; ``request``: ``sig``
            is that of another request.
    """
    _, claims = _decode(token, verify=public_key)
    early = claims.iat - now
    if abs(early) > CLOCK_TOLERANCE:
        direction = "ahead of" if early > 0 else "behind"
        raise TokenError(
            "clock",
            f"the token was made {abs(early):.0f} s {direction} this clock, "
            f"more than {CLOCK_TOLERANCE} s: set the clock, and sign a token for each request",
        )
    if claims.exp <= now:
        raise TokenError("expired", f"the token expired {now - claims.exp:.0f} s ago")
    if check_request and claims.sig.lower() != request_hash(method, uri, body):
        raise TokenError("request", f"the token's sig is not that of {method} {uri} and its body")
    return claims


def algorithm_of(public_key: PublicKey) -> Algorithm:
    """Return the only ``alg`` that tokens of this key may have."""
    return "RS512" if isinstance(public_key, RSAPublicKey) else "EdDSA"


def _decode(token: str, *, verify: PublicKey | None) -> tuple[dict[str, Any], Claims]:
    if len(token) > TOKEN_LIMIT:
        raise TokenError("malformed", f"the token has more than {TOKEN_LIMIT} characters")
    if not token.isascii():
        raise TokenError("malformed", "the token has characters that are not ASCII")
    try:
        if verify is None:
            parts = _jws.decode_complete(token, options={"verify_signature": False})
        else:
            parts = _jws.decode_complete(token, verify, algorithms=[algorithm_of(verify)])
        return parts["header"], decode_json(parts["payload"], Claims)
    except jwt.InvalidAlgorithmError:
        raise TokenError("algorithm", "the token's alg is not that of the session's key") from None
    except jwt.InvalidSignatureError:
        raise TokenError("signature", "the token is not signed by the session's key") from None
    except FrameError as error:
        raise TokenError("malformed", f"the token's claims: {error}") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenError("malformed", "not a token: no JWT in its compact form") from None
