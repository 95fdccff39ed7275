"""REST on behalf of a person who authorised the bot (protocol section 3)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from blazebot.client.calls import Call
from blazebot.client.conversations import Conversations
from blazebot.client.oauth import Authorization
from blazebot.client.quota import Sends
from blazebot.client.users import Users
from blazebot.errors import FrameError, IntegrityError, RequestError
from blazebot.keys.tokens import TOKEN_LIMIT, request_hash, sign_token
from blazebot.wire.codec import decode_json

if TYPE_CHECKING:
    import aiohttp

__all__ = ["INTEGRITY_HEADER", "UserClient", "check_integrity"]

INTEGRITY_HEADER: Final = "X-Integrity-Token"
"""Where the service signs its answer to a call on behalf of a person [C]."""

_EDDSA: Final = "EdDSA"
_jws = jwt.PyJWS(algorithms=[])
_jws.register_algorithm(_EDDSA, OKPAlgorithm())


class _Signed(msgspec.Struct):
    jti: str = ""
    sig: str = ""


def check_integrity(
    token: str, *, key: Ed25519PublicKey, call: Call, request_id: str, text: bytes
) -> None:
    """Return if ``token`` is the service's signature under its answer ``text`` to ``call`` [C].

    It is a JWT by the service's ``key`` with ``jti`` = request id and ``sig`` = hex SHA-256 of
    method, uri and the answer's body. As the request id is fresh it needs no time of its own.

    Raises:
        IntegrityError: it is not.
    """
    if len(token) > TOKEN_LIMIT:
        raise IntegrityError("signature", f"{call}: {INTEGRITY_HEADER} is too long for a token")
    try:
        payload = _jws.decode(token, key, algorithms=[_EDDSA])
        signed = decode_json(payload, _Signed)
    except (jwt.PyJWTError, FrameError, ValueError, RecursionError):
        raise IntegrityError(
            "signature", f"{call}: the answer is not signed by the service's OAuth key"
        ) from None
    if signed.jti.lower() != request_id:
        raise IntegrityError("request", f"{call}: the answer is signed for another request")
    expected = request_hash(call.method, call.uri, text)
    if not hmac.compare_digest(signed.sig.lower().encode(), expected.encode()):
        raise IntegrityError("request", f"{call}: the answer is not the one that was signed")


class UserClient(Users, Conversations):
    """Calls on behalf of a person, with either kind of authorization.

    ``urls``, ``timeout`` and ``clock`` are as in :class:`~blazebot.client.rest.RestClient`. Where
    the service's key is known, its signature under each answer is checked. Conversations cannot
    be created so [S]: RequestError.
    """

    def __init__(
        self,
        authorization: Authorization,
        http: aiohttp.ClientSession,
        *,
        urls: Sequence[str],
        timeout: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(http, urls=urls, timeout=timeout, clock=clock)
        self._authorization = authorization

    @property
    def app_id(self) -> str:
        """The user id of the bot that was authorised."""
        return self._authorization.app_id

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        sends: Sends | None = None,
        within: float | None = None,
    ) -> msgspec.Raw:
        """Return ``data`` of the answer, as :meth:`Calls.call`; refuses to create conversations.

        Raises:
            IntegrityError: the answer lacks the service's signature, or has a wrong one.
            RequestError: a person's token cannot create a conversation [S].
        """
        if method.upper() == "POST" and path.partition("?")[0].rstrip("/") == "/conversations":
            raise RequestError(
                "token",
                "a conversation cannot be created on a person's behalf; use the bot's own token: "
                "bot.rest.create_contact(user_id)",
            )
        return await super().call(method, path, body, sends=sends, within=within)

    def _token(self, call: Call, request_id: str) -> str:
        keystore = self._authorization.keystore
        if keystore is None:
            return self._authorization.access_token or ""
        return sign_token(
            keystore, call.method, call.uri, call.body, now=self._clock(), request_id=request_id
        )

    def _check(self, call: Call, request_id: str, headers: Mapping[str, str], text: bytes) -> None:
        key = self._authorization.integrity_key
        if key is None:
            return
        token = headers.get(INTEGRITY_HEADER)
        if token:
            check_integrity(token, key=key, call=call, request_id=request_id, text=text)
        elif not _is_unauthorized(text):
            raise IntegrityError("missing", f"{call}: the answer has no {INTEGRITY_HEADER}")


class _Code(msgspec.Struct):
    code: int = 0


class _Refusal(msgspec.Struct):
    error: _Code | None = None


def _is_unauthorized(text: bytes) -> bool:
    # The service does not sign what it answers to somebody whom it does not know [C].
    error = decode_json(text, _Refusal).error
    return error is not None and error.code == 401
