"""Which tokens are taken, and which are refused (section 3). No call here has an effect."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA512

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import Answer, data_of, refused
from blazebot.conformance.raw_bot import RawBot
from blazebot.conformance.trial import Trial, new_id
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore, PrivateKey
from blazebot.keys.tokens import request_hash
from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import encode_json

_ME = "/me"
_YEAR = 365 * 24 * 3600
_OFF = 400  # seconds that a clock is off: too many
_SLIGHTLY_OFF = 200


@check("3 [S]")
async def token_taken(trial: Trial) -> None:
    """A token that the session's key has signed for a request is taken."""
    data_of(await trial.bot.get(_ME))


@check("3 [S]")
async def token_of_another_key(trial: Trial) -> None:
    """A token that another key has signed is refused with 401."""
    other = _keystore(trial.bot.user_id, trial.bot.keystore.session_id)
    refused(await _ask(trial.bot, RawBot(other, trial.bot.service).token("GET", _ME)), 401)


@check("3 [S][D]")
async def token_algorithm(trial: Trial) -> None:
    """A token that is not signed, with an alg of none, is refused with 401."""
    signed = _sign(trial.bot.keystore, header={"alg": "none"})
    refused(await _ask(trial.bot, signed.rpartition(".")[0] + "."), 401)


@check("3 [S]")
async def token_expired(trial: Trial) -> None:
    """A token whose exp has passed is refused with 401."""
    token = trial.bot.token("GET", _ME, now=time.time() - 120, lifetime=60)
    refused(await _ask(trial.bot, token), 401)


@check("3 [S]")
async def token_clock(trial: Trial) -> None:
    """A token made by a clock that differs by more than 5 minutes is refused with 401."""
    for off in (-_OFF, _OFF):
        token = trial.bot.token("GET", _ME, now=time.time() + off)
        refused(await _ask(trial.bot, token), 401)


@check("3 [S]")
async def token_clock_slightly_off(trial: Trial) -> None:
    """A token made by a clock that differs by less than 5 minutes is taken."""
    for off in (-_SLIGHTLY_OFF, _SLIGHTLY_OFF):
        data_of(await _ask(trial.bot, trial.bot.token("GET", _ME, now=time.time() + off)))


@check("3 [S]")
async def token_of_an_unknown_session(trial: Trial) -> None:
    """A token of a session that the bot does not have is refused with 401."""
    stranger = RawBot(_keystore(trial.bot.user_id, new_id()), trial.bot.service)
    refused(await _ask(trial.bot, stranger.token("GET", _ME)), 401)


@check("3 [S]", needs=Need.PEER)
async def token_of_another_bot(trial: Trial) -> None:
    """A token with another bot's uid, signed by the own session's key, is refused with 401."""
    keystore = trial.bot.keystore
    token = _sign(keystore, uid=trial.peer.user_id)
    refused(await _ask(trial.bot, token), 401)


@check("3 [S]")
async def token_malformed(trial: Trial) -> None:
    """What is no token, or no header at all, is refused with 401."""
    for token in ("", "nonsense", "a.b.c", trial.bot.token("GET", _ME).rpartition(".")[0]):
        refused(await _ask(trial.bot, token), 401)


@check("3 [S]")
async def token_without_typ(trial: Trial) -> None:
    """A token whose header has no typ is taken."""
    header = {"alg": trial.bot.keystore.algorithm}
    data_of(await _ask(trial.bot, _sign(trial.bot.keystore, header=header)))


@check("3 [S][C]")
async def token_bare(trial: Trial) -> None:
    """A token without jti and scp is taken."""
    data_of(await _ask(trial.bot, _sign(trial.bot.keystore, jti=None, scp=None)))


@check("3 [C]")
async def token_long_lived(trial: Trial) -> None:
    """A token that expires after a year is taken: there is no cap."""
    token = trial.bot.token("GET", _ME, lifetime=_YEAR)
    data_of(await _ask(trial.bot, token))


@check("3 [A]")
async def token_reused(trial: Trial) -> None:
    """A token that was used before is taken again."""
    token = trial.bot.token("GET", _ME)
    for _ in range(2):
        data_of(await _ask(trial.bot, token))


@check("3 [S]")
async def token_sig(trial: Trial) -> str:
    """A token whose sig is that of another request is taken or refused: only what is seen."""
    answer = await _ask(trial.bot, trial.bot.token("POST", "/messages", b"[]"))
    if answer.code is None:
        return "it is taken"
    refused(answer, 401)
    return "it is refused with 401"


async def _ask(bot: RawBot, token: str) -> Answer:
    return await bot.call("GET", _ME, token=token)


def _keystore(app_id: str, session_id: str) -> Keystore:
    return Keystore.load(issue_keystore("app", app_id, session_id).document)


def _sign(keystore: Keystore, *, header: Mapping[str, str] | None = None, **changes: Any) -> str:
    """Return a token for ``GET /me`` with claims changed, or left out where they are None."""
    now = int(time.time())
    claims = {
        "uid": keystore.app_id,
        "sid": keystore.session_id,
        "iat": now,
        "exp": now + 60,
        "jti": new_id(),
        "sig": request_hash("GET", _ME),
        "scp": "FULL",
        **changes,
    }
    header = header or {"alg": keystore.algorithm, "typ": "JWT"}
    kept = {name: value for name, value in claims.items() if value is not None}
    signed = f"{encode_base64(encode_json(header))}.{encode_base64(encode_json(kept))}"
    return f"{signed}.{encode_base64(_signature(keystore.private_key, signed.encode()))}"


def _signature(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, PKCS1v15(), SHA512())
