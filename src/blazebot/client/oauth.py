"""OAuth: how a person lets a bot act for them, and what the bot has then (protocol section 3).

1. Send the person to :func:`authorize_url`, with a fresh state and verifier that you keep.
2. They come back to the bot's redirect address with ``code`` and ``state``; the state must be
   yours, see :func:`is_state`.
3. :func:`exchange_code` turns code and verifier into an :class:`Authorization`.
4. :class:`~blazebot.client.user_client.UserClient` calls with it.

To write to that person, the bot creates the conversation with **its own** token [S].
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blazebot.client.calls import Calls
from blazebot.client.fields import checked_id
from blazebot.errors import AnswerError, ContentError, KeystoreError, RequestError
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.ids import is_uuid

__all__ = [
    "AUTHORIZE_URL",
    "PROFILE_READ",
    "Authorization",
    "authorize_url",
    "code_challenge",
    "exchange_code",
    "is_state",
    "new_state",
    "new_verifier",
]

AUTHORIZE_URL: Final = "https://mixin.one/oauth/authorize"
"""Where a person authorises a bot [D]."""

PROFILE_READ: Final = "PROFILE:READ"
"""The scope that lets a bot read the person's profile, and so their user id [D]."""

_RANDOM: Final = 32  # bytes


def new_state() -> str:
    """Return a fresh ``state``: keep it with the person's browser session until they are back."""
    return secrets.token_urlsafe(_RANDOM)


def is_state(expected: str, state: str) -> bool:
    """Tell whether a ``state`` that came back is the expected one, in constant time."""
    return bool(expected) and hmac.compare_digest(expected.encode(), state.encode())


def new_verifier() -> str:
    """Return a fresh PKCE verifier, base64url of 32 bytes: a secret until the code is exchanged."""
    return encode_base64(secrets.token_bytes(_RANDOM))


def code_challenge(verifier: str) -> str:
    """Return the PKCE challenge of a verifier: base64url of the SHA-256 of its **bytes** [C].

    Not of its text, as RFC 7636 has it: shipped clients in Go and JavaScript hash the random bytes
    that the verifier is the base64url of.

    Raises:
        RequestError: ``verifier`` is not base64url.
    """
    try:
        raw = decode_base64(verifier)
    except ContentError:
        raise RequestError("verifier", "should be base64url, as new_verifier() makes it") from None
    return encode_base64(hashlib.sha256(raw).digest())


def authorize_url(
    client_id: str,
    scopes: Iterable[str],
    *,
    state: str,
    challenge: str | None = None,
    return_to: str | None = None,
    base: str = AUTHORIZE_URL,
) -> str:
    """Return the address at which a person authorises the bot ``client_id``.

    ``scopes`` are what it asks for; the person may grant less [D]. ``challenge`` is
    :func:`code_challenge` of the verifier. ``return_to`` comes back as it is [D].

    Raises:
        RequestError: the id is none, or there is no scope.
    """
    wanted = list(scopes)
    if not wanted or isinstance(scopes, str):
        raise RequestError("scopes", f"should be a list such as [{PROFILE_READ!r}]")
    query = {
        "client_id": checked_id("client_id", client_id),
        "scope": " ".join(wanted),
        "response_type": "code",
        "state": state,
    }
    if challenge:
        query["code_challenge"] = challenge
    if return_to:
        query["return_to"] = return_to
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query, safe=':')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What a person has granted a bot.

    ``scope`` is what they granted, which may be less than was asked for. Calls are signed by
    ``keystore``, or carry ``access_token``: exactly one is there. ``integrity_key`` is the key by
    which the service signs its answers, where it told. It ends when the person revokes it, or
    after a year [D].
    """

    app_id: str
    scope: str
    access_token: str | None = field(default=None, repr=False)
    keystore: Keystore | None = field(default=None, repr=False)
    integrity_key: Ed25519PublicKey | None = field(default=None, repr=False)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that were granted."""
        return frozenset(self.scope.split())

    def document(self) -> dict[str, str]:
        """Return it as a JSON object to keep, in the shape that clients use [C]. **A secret.**"""
        document = {"client_id": self.app_id, "scope": self.scope}
        if self.access_token is not None:
            document["access_token"] = self.access_token
        if self.keystore is not None:
            key = self.keystore.private_key
            if isinstance(key, Ed25519PrivateKey):
                halves = key.private_bytes_raw() + key.public_key().public_bytes_raw()
                document["private_key"] = encode_base64(halves)
            document["authorization_id"] = self.keystore.authorization_id or ""
        if self.integrity_key is not None:
            document["ed25519"] = encode_base64(self.integrity_key.public_bytes_raw())
        return document

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Authorization:
        """Return what :meth:`document` gave.

        Raises:
            KeystoreError: it is not that; the message names the field.
        """
        app_id, scope = str(document.get("client_id", "")), str(document.get("scope", ""))
        token = document.get("access_token")
        if not is_uuid(app_id):
            raise KeystoreError("client_id: should be the bot's UUID")
        keystore = None if token else Keystore.load(document)
        if keystore is not None and not keystore.authorization_id:
            raise KeystoreError("authorization_id: missing; a bot's own keystore is not one")
        return cls(
            app_id=app_id.lower(),
            scope=scope,
            access_token=str(token) if token else None,
            keystore=keystore,
            integrity_key=_public_key(str(document.get("ed25519") or "")),
        )


class _CodeExchange(msgspec.Struct, omit_defaults=True):
    client_id: str
    code: str
    client_secret: str | None = None
    code_verifier: str | None = None
    ed25519: str | None = None


class _Granted(msgspec.Struct):
    scope: str = ""
    access_token: str = ""
    authorization_id: str = ""
    ed25519: str = ""


async def exchange_code(
    calls: Calls,
    code: str,
    *,
    client_id: str,
    verifier: str | None = None,
    client_secret: str | None = None,
    bearer: bool = False,
) -> Authorization:
    """Exchange the code that a person came back with for an authorization [D].

    ``calls`` need no token: ``Calls(http, urls=..., timeout=...)``. Either ``client_secret``, the
    app's secret in the dashboard, or the PKCE ``verifier`` shows that the code is yours; give the
    verifier where the address had its challenge. By default a fresh Ed25519 key is made, which
    signs each call and never leaves this process; with ``bearer`` the service issues an access
    token instead. A code works once, so this is never tried again by itself.

    Raises:
        RequestError: neither a secret nor a verifier, or no code.
        AuthorizationExpired: the code has expired, or was used.
        AnswerError: the answer grants nothing.
        ServiceError, ConnectionLost, RequestTimeout: as :meth:`Calls.call`.
    """
    if not code:
        raise RequestError("code", "is empty; it is in the address that the person came back to")
    if not client_secret and not verifier:
        raise RequestError("verifier", "needed, or client_secret")
    app_id = checked_id("client_id", client_id)
    key = None if bearer else Ed25519PrivateKey.generate()
    body = _CodeExchange(app_id, code, client_secret, verifier)
    if key is not None:
        body.ed25519 = encode_base64(key.public_key().public_bytes_raw())
    granted = await calls.ask(_Granted, "POST", "/oauth/token", body)
    if key is not None and granted.authorization_id:
        keystore = Keystore(
            app_id=app_id,
            session_id="",
            private_key=key,
            authorization_id=granted.authorization_id.lower(),
            scope=granted.scope,
        )
        try:
            integrity_key = _public_key(granted.ed25519)
        except KeystoreError as error:
            raise AnswerError(f"POST /oauth/token: {error}") from None
        return Authorization(
            app_id=app_id, scope=granted.scope, keystore=keystore, integrity_key=integrity_key
        )
    if granted.access_token:
        return Authorization(app_id=app_id, scope=granted.scope, access_token=granted.access_token)
    raise AnswerError("POST /oauth/token: the answer has neither a token nor an authorization")


def _public_key(text: str) -> Ed25519PublicKey | None:
    if not text:
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(decode_base64(text))
    except (ContentError, ValueError):
        raise KeystoreError("ed25519: should be a public key of 32 bytes in base64") from None
