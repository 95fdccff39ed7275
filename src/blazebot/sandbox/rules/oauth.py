"""OAuth: how a person lets a bot act for them (protocol section 3).

A person authorises a bot, which gets a code; the bot exchanges it, once and soon, for an
authorization. That says who the person is. It makes no conversation: the bot does, as itself [S].
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from blazebot.errors import ContentError
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.guard import is_loopback
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import bad_field, code_expired, forbidden, not_found
from blazebot.sandbox.rules.service_key import ServiceKey
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.rows import User
from blazebot.sandbox.storage.store import Store
from blazebot.wire.base64 import decode_base64, encode_base64

__all__ = ["App", "Authorization", "CodeExchange", "OAuth", "read_scope"]

_SCOPE: Final = re.compile(r"[A-Z_]{1,40}(?::[A-Z_]{1,40})?")
_SCOPES_MOST: Final = 20
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9+/_=-]{43,44}")  # of 32 bytes
_ADDRESS: Final = re.compile(r"[!-~]{1,2048}")  # printable ASCII without spaces


class App(NamedTuple):
    """What a bot's developer has set: where people come back to, and the client secret."""

    redirect_uri: str = ""
    secret_hash: bytes | None = None


class Authorization(NamedTuple):
    """What a person has granted a bot.

    ``scope`` is separated by spaces. ``public_key`` is the raw Ed25519 key that signs for it, None
    where an access token stands for it.
    """

    authorization_id: str
    bot_id: str
    user_id: str
    scope: str
    public_key: bytes | None
    created_at: int

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that were granted."""
        return frozenset(self.scope.split())


_AUTHORIZATION: Final = ", ".join(Authorization._fields)


class CodeExchange(NamedTuple):
    """What a bot exchanges a code with; what is absent is empty."""

    client_id: str
    code: str
    client_secret: str = ""
    code_verifier: str = ""
    ed25519: str = ""


class _Code(NamedTuple):
    code_hash: bytes
    bot_id: str
    user_id: str
    scope: str
    code_challenge: str
    created_at: int


class OAuth:
    """Codes, authorizations, and what bots need for them. ``key`` is the service's own."""

    def __init__(self, store: Store, clocks: Clocks, settings: SandboxSettings) -> None:
        self._store = store
        self._database = store.database
        self._clocks = clocks
        self._settings = settings
        self.key = ServiceKey(store.database)

    # Bots

    def app(self, bot_id: str) -> App:
        """Return what is set for a bot."""
        row = self._database.read(
            "SELECT redirect_uri, secret_hash FROM apps WHERE bot_id = ?", (bot_id,)
        ).fetchone()
        return App._make(row) if row else App()

    def set_redirect_uri(self, bot_id: str, redirect_uri: str) -> None:
        """Set where people come back to who authorise a bot; an empty one takes it back.

        Raises:
            ServiceError: 10002, it is neither https nor on this machine.
        """
        if redirect_uri:
            _check_redirect_uri(redirect_uri)
        self._database.write(
            "INSERT INTO apps (bot_id, redirect_uri) VALUES (?1, ?2)"
            " ON CONFLICT DO UPDATE SET redirect_uri = ?2",
            (bot_id, redirect_uri),
        )

    def new_secret(self, bot_id: str) -> str:
        """Give a bot a new client secret in place of its old one; only its hash is kept."""
        secret = secrets.token_hex(32)
        self._database.write(
            "INSERT INTO apps (bot_id, secret_hash) VALUES (?1, ?2)"
            " ON CONFLICT DO UPDATE SET secret_hash = ?2",
            (bot_id, _hash(secret)),
        )
        return secret

    def forget_bot(self, bot_id: str) -> None:
        """Forget what is set for a bot, and end what people have granted it."""
        self._database.write("DELETE FROM apps WHERE bot_id = ?", (bot_id,))
        self._database.write("DELETE FROM oauth_codes WHERE bot_id = ?", (bot_id,))
        self._database.write("DELETE FROM authorizations WHERE bot_id = ?", (bot_id,))

    # Codes

    def authorize(self, person: User, bot: User, scope: str, code_challenge: str = "") -> str:
        """Let a bot act for a person within ``scope``; return the code for it.

        Raises:
            ServiceError: 10002, the scope or the challenge is malformed.
        """
        scope = read_scope(scope)
        if code_challenge and not _CHALLENGE.fullmatch(code_challenge):
            raise bad_field("code_challenge", "should be base64url of the SHA-256 of the verifier")
        now = self._clocks.now()
        self._database.write("DELETE FROM oauth_codes WHERE created_at < ?", (self._horizon(),))
        code = secrets.token_hex(32)
        self._database.write(
            "INSERT INTO oauth_codes VALUES (?, ?, ?, ?, ?, ?)",
            _Code(_hash(code), bot.user_id, person.user_id, scope, code_challenge, now),
        )
        return code

    def exchange(self, request: CodeExchange) -> tuple[Authorization, str]:
        """Return the authorization for a code, and its access token where it has no key.

        A code that was shown without the right proof can still be used with it.

        Raises:
            ServiceError: 20121, there is no such code for this bot, or no longer; 10002, the
                verifier or the key is malformed; 403, the proof is missing or wrong.
        """
        code = self._read_code(request)
        self._check_proof(request, code)
        public_key = _read_key(request.ed25519) if request.ed25519 else None
        now = self._clocks.now()
        authorization = Authorization(
            new_id(), code.bot_id, code.user_id, code.scope, public_key, now
        )
        self._database.write("DELETE FROM oauth_codes WHERE code_hash = ?", (code.code_hash,))
        self._database.write("INSERT INTO authorizations VALUES (?, ?, ?, ?, ?, ?)", authorization)
        if public_key is not None:
            return authorization, ""
        return authorization, self.key.access_token(
            authorization.bot_id,
            authorization.authorization_id,
            authorization.scope,
            now=self._clocks.token_now() / 1e9,
            lifetime=self._settings.oauth_lifetime,
        )

    def _read_code(self, request: CodeExchange) -> _Code:
        row = self._database.read(
            "SELECT code_hash, bot_id, user_id, scope, code_challenge, created_at FROM oauth_codes"
            " WHERE code_hash = ? AND created_at >= ? AND bot_id = ?",
            (_hash(request.code), self._horizon(), request.client_id),
        ).fetchone()
        if row is None:
            raise code_expired("there is no such code for this client_id, or no longer: it is used")
        return _Code._make(row)

    def _horizon(self) -> int:
        return self._clocks.now() - int(self._settings.oauth_code_lifetime * 1e9)

    def _check_proof(self, request: CodeExchange, code: _Code) -> None:
        if code.code_challenge and not _answers(code.code_challenge, request.code_verifier):
            raise forbidden("code_verifier is not that of the code_challenge")
        if request.client_secret:
            expected = self.app(code.bot_id).secret_hash or b""
            if not hmac.compare_digest(expected, _hash(request.client_secret)):
                raise forbidden("client_secret is not that of the bot")
        elif not code.code_challenge:
            raise forbidden("give client_secret, or authorise with a code_challenge")

    # Authorizations

    def authorization(self, authorization_id: str) -> Authorization | None:
        """Return an authorization that has not ended."""
        row = self._database.read(
            f"SELECT {_AUTHORIZATION} FROM authorizations"  # noqa: S608
            " WHERE authorization_id = ? AND created_at >= ?",
            (authorization_id, self._oldest()),
        ).fetchone()
        return row and Authorization._make(row)

    def authorizations_of(self, user_id: str) -> list[Authorization]:
        """Return what a person has granted and not taken back, the first granted first."""
        rows = self._database.read(
            f"SELECT {_AUTHORIZATION} FROM authorizations"  # noqa: S608
            " WHERE user_id = ? AND created_at >= ? ORDER BY created_at",
            (user_id, self._oldest()),
        )
        return [Authorization._make(row) for row in rows]

    def _oldest(self) -> int:
        """Return when an authorization was granted that ends now."""
        return self._clocks.now() - int(self._settings.oauth_lifetime * 1e9)

    def revoke(self, person: User, authorization_id: str) -> None:
        """Take back what a person has granted.

        Raises:
            ServiceError: 404, they have granted no such thing.
        """
        removed = self._database.write(
            "DELETE FROM authorizations WHERE authorization_id = ? AND user_id = ?",
            (authorization_id, person.user_id),
        )
        if not removed:
            raise not_found(f"{person.user_id} has granted no authorization {authorization_id}")


def read_scope(text: str) -> str:
    """Return scopes separated by one space each, without repeats.

    Raises:
        ServiceError: 10002, there is none, or one is malformed.
    """
    scopes = list(dict.fromkeys(text.split()))
    if not 0 < len(scopes) <= _SCOPES_MOST:
        raise bad_field("scope", f"should name 1 to {_SCOPES_MOST} scopes, such as PROFILE:READ")
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise bad_field("scope", "should be words such as PROFILE:READ, separated by spaces")
    return " ".join(scopes)


def _check_redirect_uri(uri: str) -> None:
    reason = "should be an https address, or http on this machine: http://127.0.0.1:8000/oauth"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise bad_field("redirect_uri", reason) from None
    plain = parts.scheme == "http" and is_loopback(host or "")
    if (
        not _ADDRESS.fullmatch(uri)
        or not host
        or not (plain or parts.scheme == "https")
        or parts.fragment
        or "@" in parts.netloc
        or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc)
    ):
        raise bad_field("redirect_uri", reason)


def _answers(challenge: str, verifier: str) -> bool:
    """Tell whether a verifier is that of a PKCE challenge of the method S256.

    RFC 7636 hashes the verifier's text; shipped clients hash the bytes that it is the base64url of
    [C]. Both are taken.
    """
    if not verifier.isascii():
        return False
    forms = [verifier.encode()]
    with contextlib.suppress(ContentError):
        forms.append(decode_base64(verifier))
    expected = encode_base64(decode_base64(challenge))
    digests = [encode_base64(hashlib.sha256(form).digest()) for form in forms]
    return any(hmac.compare_digest(expected, digest) for digest in digests)


def _read_key(text: str) -> bytes:
    try:
        raw = decode_base64(text)
        Ed25519PublicKey.from_public_bytes(raw)
    except (ContentError, ValueError, UnsupportedAlgorithm):
        raise bad_field("ed25519", "should be base64url of a public key of 32 bytes") from None
    return raw


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
