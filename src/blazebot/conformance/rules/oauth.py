"""Calls on behalf of a person who has authorised the bot (section 3)."""

from __future__ import annotations

from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blazebot.client.calls import Call
from blazebot.client.oauth import PROFILE_READ, code_challenge, new_verifier
from blazebot.client.user_client import INTEGRITY_HEADER, check_integrity
from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import Answer, data_of, expect, refused
from blazebot.conformance.raw_bot import RawBot
from blazebot.conformance.trial import Trial, new_id
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.ids import contact_conversation_id

_TOKEN = "/oauth/token"  # noqa: S105 - a path


class _Granted(NamedTuple):
    """Calls on behalf of the person, and the key that signs the answers."""

    calls: RawBot
    service_key: Ed25519PublicKey


@check("3 [D]", needs=Need.PERSON)
async def oauth_profile(trial: Trial) -> None:
    """Who has authorised the bot is told by GET /me on their behalf."""
    granted = await _granted(trial)
    me = data_of(await granted.calls.get("/me"))
    expect(me.get("user_id") == trial.person.user_id, "it tells another user")


@check("3 [S]", needs=Need.PERSON)
async def oauth_no_conversations(trial: Trial) -> None:
    """No conversation can be created on behalf of a person."""
    granted = await _granted(trial)
    ids = trial.person.user_id, trial.bot.user_id
    conversation = {
        "category": "CONTACT",
        "conversation_id": contact_conversation_id(*ids),
        "participants": [{"user_id": trial.bot.user_id}],
    }
    refused(await granted.calls.post("/conversations", conversation), 401, 403)


@check("3 [C]", needs=Need.PERSON)
async def oauth_answers_signed(trial: Trial) -> None:
    """Answers to calls on behalf of a person are signed in X-Integrity-Token."""
    granted = await _granted(trial)
    request_id = new_id()
    answer = await granted.calls.call("GET", "/me", headers={"X-Request-Id": request_id})
    check_integrity(
        answer.headers.get(INTEGRITY_HEADER, ""),
        key=granted.service_key,
        call=Call("GET", "/me", b""),
        request_id=request_id,
        text=answer.text,
    )


@check("9 [D]", needs=Need.PERSON)
async def oauth_code_once(trial: Trial) -> None:
    """A code is exchanged once; then it is refused with 20121."""
    verifier = new_verifier()
    code = await trial.person.authorize(PROFILE_READ, code_challenge(verifier))
    data_of(await _exchange(trial, code, verifier))
    refused(await _exchange(trial, code, verifier), 20121)


async def _granted(trial: Trial) -> _Granted:
    verifier, key = new_verifier(), Ed25519PrivateKey.generate()
    code = await trial.person.authorize(PROFILE_READ, code_challenge(verifier))
    public_key = encode_base64(key.public_key().public_bytes_raw())
    granted = data_of(await _exchange(trial, code, verifier, ed25519=public_key))
    keystore = Keystore(
        app_id=trial.bot.user_id,
        session_id="",
        private_key=key,
        authorization_id=granted["authorization_id"],
        scope=granted["scope"],
    )
    service_key = Ed25519PublicKey.from_public_bytes(decode_base64(granted["ed25519"]))
    return _Granted(RawBot(keystore, trial.bot.service), service_key)


async def _exchange(trial: Trial, code: str, verifier: str, **fields: Any) -> Answer:
    body = {"client_id": trial.bot.user_id, "code": code, "code_verifier": verifier, **fields}
    return await trial.bot.call("POST", _TOKEN, body, token="")
