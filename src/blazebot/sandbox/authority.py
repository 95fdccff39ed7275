"""Who a request is from: its token checked against the sessions (protocol section 3)."""

from __future__ import annotations

import logging
import time
from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple, cast

from cryptography.hazmat.primitives.serialization import load_der_public_key

from blazebot.errors import TokenError
from blazebot.keys.keystore import PublicKey
from blazebot.keys.tokens import Claims, read_token, verify_token
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.refusals import unauthorized
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.store import Store, User

__all__ = ["Authority", "Identity"]

_log = logging.getLogger("blazebot.sandbox")

_REMEMBERED: Final = 600.0
"""Seconds for which the id of a token is remembered."""

_REMEMBERED_MOST: Final = 100_000

_SCHEME: Final = "bearer "


class Identity(NamedTuple):
    """Who a request is from, and by which session."""

    user: User
    session_id: str


class Authority:
    """Checks tokens.

    ``repeated_tokens`` and ``wrong_signatures`` count, by user id, what is not refused by default
    or not always.
    """

    def __init__(self, store: Store, clocks: Clocks, settings: SandboxSettings) -> None:
        self._store = store
        self._clocks = clocks
        self._settings = settings
        self._seen: dict[str, float] = {}  # jti -> when, the oldest first
        self.repeated_tokens: Counter[str] = Counter()
        self.wrong_signatures: Counter[str] = Counter()

    def identify(
        self, authorization: str | None, *, method: str, uri: str, body: bytes = b""
    ) -> Identity:
        """Return who signed this request; ``authorization`` is its header.

        Raises:
            ServiceError: 401, with the cause of the refusal in ``extra``.
        """
        try:
            return self._identify(authorization or "", method, uri, body)
        except TokenError as error:
            _log.info("%s %s refused with 401: %s", method, uri, error)
            raise unauthorized(error) from None

    def _identify(self, authorization: str, method: str, uri: str, body: bytes) -> Identity:
        if not authorization.lower().startswith(_SCHEME):
            raise TokenError("malformed", "there is no header Authorization: Bearer <token>")
        token = authorization[len(_SCHEME) :].strip()
        _, unverified = read_token(token)
        session_id = unverified.sid.lower()
        user = self._store.user(unverified.uid.lower())
        session = self._store.session(session_id)
        if user is None or session is None or session.user_id != user.user_id:
            raise TokenError("session", "there is no such session; generate a new one")
        if session.public_key is None:
            raise TokenError("session", "this is a person's session, which signs no tokens")

        def verify(check_request: bool) -> Claims:
            return verify_token(
                token,
                public_key=_load_key(session.public_key or b""),
                now=self._clocks.token_now() / 1e9,
                method=method,
                uri=uri,
                body=body,
                check_request=check_request,
            )

        try:
            claims = verify(check_request=True)
        except TokenError as error:
            if error.cause != "request":
                raise
            self.wrong_signatures[user.user_id] += 1
            if self._settings.check_signatures:
                raise
            claims = verify(check_request=False)
        if session.ended_at is not None:
            raise TokenError("session", "the session has ended; a newer one has replaced it")
        self._remember(user, claims.jti)
        return Identity(user, session_id)

    def _remember(self, user: User, jti: str) -> None:
        now = time.monotonic()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < _REMEMBERED_MOST and now - self._seen[oldest] < _REMEMBERED:
                break
            del self._seen[oldest]
        if jti in self._seen:
            self.repeated_tokens[user.user_id] += 1
            if self._settings.strict_tokens:
                raise TokenError("reused", "the token was used before; sign one for each request")
        elif jti:
            self._seen[jti] = now


@lru_cache(maxsize=1024)
def _load_key(der: bytes) -> PublicKey:
    # Only keys that this sandbox issued are stored.
    return cast(PublicKey, load_der_public_key(der))
