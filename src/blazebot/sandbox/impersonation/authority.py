"""Who a request is from: its token checked against the sessions (protocol section 3)."""

from __future__ import annotations

import logging
import time
from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from blazebot.errors import TokenError
from blazebot.keys.keystore import PublicKey
from blazebot.keys.tokens import Claims, read_token, verify_token
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.oauth import Authorization, OAuth
from blazebot.sandbox.rules.refusals import unauthorized
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import User
from blazebot.sandbox.storage.store import Store

__all__ = ["Authority", "Identity"]

logger = logging.getLogger("blazebot.sandbox")

_REMEMBERED: Final = 600.0
"""Seconds for which the id of a token is remembered."""

_REMEMBERED_MOST: Final = 100_000

_SCHEME: Final = "bearer "


class Identity(NamedTuple):
    """Who a request is from, and by which session.

    With an ``authorization`` it is from a bot on behalf of the person who is ``user``.
    """

    user: User
    session_id: str
    authorization: Authorization | None = None


class _Asked(NamedTuple):
    """A request as its token is checked against.

    ``now`` is in unix seconds; it ``is_on_time`` unless a fault has put it off.
    """

    method: str
    uri: str
    body: bytes
    now: float
    is_on_time: bool
    opens_line: bool


class Authority:
    """Checks tokens.

    ``repeated_tokens`` and ``wrong_signatures`` count, by the bot's id, what is not refused by
    default or not always.
    """

    def __init__(
        self, store: Store, clocks: Clocks, settings: SandboxSettings, oauth: OAuth
    ) -> None:
        self._store = store
        self._oauth = oauth
        self._clocks = clocks
        self._settings = settings
        self._seen: dict[str, float] = {}  # jti -> when, the oldest first
        self._opened: dict[str, str] = {}  # session_id -> jti of the token of its last line
        self.repeated_tokens: Counter[str] = Counter()
        self.wrong_signatures: Counter[str] = Counter()

    def claimed(self, authorization: str | None) -> str:
        """Return the id of the bot that a request says it is from, unverified; empty if none."""
        try:
            _, claims = read_token(_token_of(authorization or ""))
        except TokenError:
            return ""
        return (claims.iss if claims.aid else claims.uid).lower()

    def identify(
        self,
        authorization: str | None,
        *,
        method: str,
        uri: str,
        body: bytes = b"",
        offset: float = 0.0,
        opens_line: bool = False,
    ) -> Identity:
        """Return who signed this request; ``authorization`` is its header.

        The token's times are checked by a clock that is ``offset`` seconds off. ``opens_line``: it
        is a handshake, for which a token may be used again.

        Raises:
            ServiceError: 401, with the cause of the refusal in ``extra``.
        """
        asked = _Asked(
            method,
            uri,
            body,
            now=self._clocks.token_now() / 1e9 + offset,
            is_on_time=not offset,
            opens_line=opens_line,
        )
        try:
            return self._identify(_token_of(authorization or ""), asked)
        except TokenError as error:
            path = uri.partition("?")[0]  # a query could hold a secret, sent here by mistake
            logger.info("%s %s refused with 401: %s", method, path, error)
            raise unauthorized(error) from None

    def _identify(self, token: str, asked: _Asked) -> Identity:
        _, unverified = read_token(token)
        if unverified.aid:
            return self._identify_person(token, unverified, asked)
        session_id = unverified.sid.lower()
        user = self._store.user(unverified.uid.lower())
        session = self._store.session(session_id)
        if user is None or session is None or session.user_id != user.user_id:
            raise TokenError("session", "there is no such session; generate a new one")
        if session.public_key is None:
            raise TokenError("session", "this is a person's session, which signs no tokens")
        key = _load_key(session.public_key)
        claims = self._verify(user.user_id, token, key, asked)
        if session.ended_at is not None:
            raise TokenError("session", "the session has ended; a newer one has replaced it")
        self._remember(user.user_id, claims.jti)
        if asked.opens_line:
            self._opened[session_id] = claims.jti
        return Identity(user, session_id)

    def _identify_person(self, token: str, unverified: Claims, asked: _Asked) -> Identity:
        """Return the person on whose behalf a bot signed this request [D]."""
        authorization = self._oauth.authorization(unverified.aid.lower())
        if authorization is None or authorization.bot_id != unverified.iss.lower():
            raise TokenError("session", "there is no such authorization, or it has ended")
        person = self._store.user(authorization.user_id)
        if person is None:
            raise TokenError("session", "the person who authorised it is gone")
        if authorization.public_key is None:
            self._check_access_token(token, unverified)
        else:
            key = Ed25519PublicKey.from_public_bytes(authorization.public_key)
            claims = self._verify(authorization.bot_id, token, key, asked)
            self._remember(authorization.bot_id, claims.jti)
        return Identity(person, person.session_id, authorization)

    def _check_access_token(self, token: str, unverified: Claims) -> None:
        """Check a token that the service issued: it is for many requests, and lives for long."""
        key = self._oauth.key.private_key.public_key()
        # At the time of its making only signature and form are left to check.
        made = unverified.iat
        verify_token(token, public_key=key, now=made, method="", uri="", check_request=False)
        if unverified.exp <= self._clocks.token_now() / 1e9:
            raise TokenError("expired", "the access token has expired; authorise again")

    def _verify(self, bot_id: str, token: str, key: PublicKey, asked: _Asked) -> Claims:
        """Return the claims of a token for this request, or, where that may be, for another."""

        def verify(now: float, check_request: bool) -> Claims:
            return verify_token(
                token,
                public_key=key,
                now=now,
                method=asked.method,
                uri=asked.uri,
                body=asked.body,
                check_request=check_request,
            )

        now = asked.now
        try:
            return verify(now, check_request=True)
        except TokenError as error:
            if error.cause == "clock" and self._has_opened(token, asked):
                # As it was checked when it was new; only its end is looked at now.
                _, claims = read_token(token)
                if claims.exp > now:
                    now = claims.iat
            elif error.cause == "request":
                self.wrong_signatures[bot_id] += 1
                if self._settings.check_signatures:
                    raise
            else:
                raise
        return verify(now, check_request=False)

    def _has_opened(self, token: str, asked: _Asked) -> bool:
        """Tell whether this token opened the last line of its session before."""
        if not (asked.opens_line and asked.is_on_time and self._settings.lines_reopen):
            return False
        _, claims = read_token(token)
        return bool(claims.jti) and self._opened.get(claims.sid.lower()) == claims.jti

    def _remember(self, bot_id: str, jti: str) -> None:
        now = time.monotonic()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < _REMEMBERED_MOST and now - self._seen[oldest] < _REMEMBERED:
                break
            del self._seen[oldest]
        if jti in self._seen:
            self.repeated_tokens[bot_id] += 1
            if self._settings.strict_tokens:
                raise TokenError("reused", "the token was used before; sign one for each request")
        elif jti:
            self._seen[jti] = now


def _token_of(authorization: str) -> str:
    if not authorization.lower().startswith(_SCHEME):
        raise TokenError("malformed", "there is no header Authorization: Bearer <token>")
    return authorization[len(_SCHEME) :].strip()


@lru_cache(maxsize=1024)
def _load_key(der: bytes) -> PublicKey:
    # Only keys that this sandbox issued are stored.
    return cast(PublicKey, load_der_public_key(der))
