"""``POST /oauth/token``: a code for an authorization (protocol sections 3 and 9)."""

from __future__ import annotations

from typing import Any

import msgspec

from blazebot.sandbox.rest.calls import read_body
from blazebot.sandbox.rules.drafts import read_id
from blazebot.sandbox.rules.oauth import CodeExchange, OAuth

__all__ = ["exchange_code"]


class _Body(msgspec.Struct):
    client_id: str
    code: str
    client_secret: str | None = None
    code_verifier: str | None = None
    ed25519: str | None = None


def exchange_code(oauth: OAuth, body: bytes) -> dict[str, Any]:
    """Answer with ``scope`` and either ``access_token``, or the ids and keys to sign with [D].

    Raises:
        ServiceError: 400, 403, 10002 or 20121, see :meth:`OAuth.exchange`.
    """
    asked: _Body = read_body(body, _Body)
    authorization, access_token = oauth.exchange(
        CodeExchange(
            read_id("client_id", asked.client_id),
            asked.code,
            asked.client_secret or "",
            asked.code_verifier or "",
            asked.ed25519 or "",
        )
    )
    data = {"scope": authorization.scope}
    if access_token:
        data["access_token"] = access_token
    else:
        data["authorization_id"] = authorization.authorization_id
        data["ed25519"] = oauth.key.public_text
    return {"data": data}
