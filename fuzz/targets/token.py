"""Tokens as the sandbox checks them: none passes that the session's own key has not signed."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.errors import ServiceError
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import request_hash
from blazebot.wire.base64 import encode_base64
from fuzz.bending import bent, spelled
from fuzz.choices import Choices
from fuzz.served import Served, served
from fuzz.watch import check, check_shows_none
from fuzz.worlds import Attempt, in_loop

_FORGER: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))


def _claims(keystore: Keystore, now: int) -> dict[str, Any]:
    who = {"uid": keystore.app_id, "sid": keystore.session_id}
    if keystore.authorization_id:
        who = {"iss": keystore.app_id, "aid": keystore.authorization_id}
    times = {"iat": now, "exp": now + 60}
    return {**who, **times, "jti": "1", "sig": request_hash("GET", "/me"), "scp": "FULL"}


def _sign(choices: Choices, keystore: Keystore, signed: bytes) -> tuple[bytes, bool]:
    """Return a signature, and whether it is that of the session."""
    own = cast("Ed25519PrivateKey", keystore.private_key)
    genuine = own.sign(signed)
    match choices.below(6):
        case 1:
            return _FORGER.sign(signed), False
        case 2:
            return b"", False
        case 3:
            return choices.some(), False
        case 4:
            return own.sign(signed + b" "), False
        case 5:
            at = choices.below(len(genuine))
            return genuine[:at] + bytes([genuine[at] ^ 1]) + genuine[at + 1 :], False
    return genuine, True


async def _attempt(world: Served, choices: Choices) -> None:
    authority = world.sandbox._parts._authority
    keystore = choices.pick(world.keystores)
    header = bent(choices, {"alg": "EdDSA", "typ": "JWT"})
    claims = bent(choices, _claims(keystore, int(time.time())))
    head = ".".join(encode_base64(spelled(choices, part)) for part in (header, claims))
    signature, is_genuine = _sign(choices, keystore, head.encode())
    token = f"{head}.{encode_base64(signature)}"
    if choices.once_in(8):
        at = choices.below(len(token) + 1)
        put_in = choices.text()
        token = token[:at] + put_in + token[at:]
        is_genuine = is_genuine and not put_in.strip()
    if choices.once_in(16):
        token, is_genuine = choices.rest().decode("utf-8", "surrogateescape"), False
    world.watch.secrets.add(encode_base64(signature))
    authorization = choices.pick(("Bearer ", "bearer ", "", "Basic ", "Bearer")) + token
    authority.claimed(authorization)
    try:
        identity = authority.identify(
            authorization, method="GET", uri="/me", opens_line=choices.once_in(2)
        )
    except ServiceError as error:
        check(error.code == 401, f"refused with {error}")
        check_shows_none(f"{error} {json.dumps(error.extra)}", world.watch.secrets)
    else:
        check(is_genuine, f"a forged token was taken: {token}")
        check(identity.session_id == keystore.session_id or identity.authorization, token)
    finally:
        world.watch.secrets.discard(encode_base64(signature))


def token() -> AbstractContextManager[Attempt]:
    """Tokens with odd headers, claims and signatures, in odd ``Authorization`` headers."""
    return in_loop(served, _attempt)
