"""OAuth without the network: addresses, PKCE, what is kept, and the service's signature."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.client.calls import Call
from blazebot.client.oauth import (
    Authorization,
    authorize_url,
    code_challenge,
    is_state,
    new_state,
    new_verifier,
)
from blazebot.client.user_client import check_integrity
from blazebot.errors import IntegrityError, KeystoreError, RequestError
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import request_hash
from blazebot.wire.base64 import decode_base64, encode_base64

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
AUTHORIZATION_ID = "5f1b2c8e-6d36-4b6f-8f2a-1f1f4e0c9d11"
BEARER = "a.bearer.token"
REQUEST_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"


def query(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def test_the_address_asks_for_all_that_is_wanted() -> None:
    url = authorize_url(
        APP_ID.upper(),
        ["PROFILE:READ", "PHONE:READ"],
        state="a state&",
        challenge="chal",
        return_to="/home?a=b",
    )
    assert url.startswith("https://mixin.one/oauth/authorize?client_id=")
    assert "scope=PROFILE:READ+PHONE:READ&" in url
    assert query(url) == {
        "client_id": APP_ID,
        "scope": "PROFILE:READ PHONE:READ",
        "response_type": "code",
        "state": "a state&",
        "code_challenge": "chal",
        "return_to": "/home?a=b",
    }


def test_the_address_may_be_another_one() -> None:
    url = authorize_url(APP_ID, ["PROFILE:READ"], state="s", base="http://127.0.0.1:7777/oauth?a=b")
    assert url.startswith("http://127.0.0.1:7777/oauth?a=b&client_id=")
    assert "code_challenge" not in url


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(("x", ["PROFILE:READ"]), "client_id"), ((APP_ID, []), "scopes"), ((APP_ID, "A:B"), "scopes")],
)
def test_what_is_no_request_is_told(arguments: Any, field: str) -> None:
    with pytest.raises(RequestError, match=field) as caught:
        authorize_url(*arguments, state="s")
    assert caught.value.field == field


def test_states_are_fresh_and_compared() -> None:
    state = new_state()
    assert state != new_state()
    assert is_state(state, state)
    assert not is_state(state, new_state())
    assert not is_state("", "")


def test_the_challenge_is_the_hash_of_the_verifiers_bytes() -> None:
    # The 32 bytes 0 to 31, and their SHA-256.
    verifier = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    digest = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
    assert decode_base64(code_challenge(verifier)).hex() == digest
    fresh = new_verifier()
    assert len(fresh) == 43
    assert fresh != new_verifier()
    with pytest.raises(RequestError, match="verifier"):
        code_challenge("not base64!")


def signed() -> Authorization:
    key = Ed25519PrivateKey.generate()
    keystore = Keystore(
        app_id=APP_ID,
        session_id="",
        private_key=key,
        authorization_id=AUTHORIZATION_ID,
        scope="PROFILE:READ PHONE:READ",
    )
    return Authorization(
        app_id=APP_ID,
        scope="PROFILE:READ PHONE:READ",
        keystore=keystore,
        integrity_key=Ed25519PrivateKey.generate().public_key(),
    )


def test_an_authorization_is_kept_as_a_document() -> None:
    authorization = signed()
    again = Authorization.load(json.loads(json.dumps(authorization.document())))
    assert again.document() == authorization.document()
    assert again.keystore is not None
    assert again.keystore.authorization_id == AUTHORIZATION_ID
    assert again.keystore.scope == "PROFILE:READ PHONE:READ"
    assert again.scopes == {"PROFILE:READ", "PHONE:READ"}
    bearer = Authorization(app_id=APP_ID, scope="PROFILE:READ", access_token=BEARER)
    assert Authorization.load(bearer.document()) == bearer


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "client_id"),
        ({"client_id": APP_ID}, "private_key|session_id"),
        ({"client_id": APP_ID, "access_token": "t", "ed25519": "AAAA"}, "ed25519"),
    ],
)
def test_what_is_no_authorization_is_told(document: dict[str, str], words: str) -> None:
    with pytest.raises(KeystoreError, match=words):
        Authorization.load(document)


def test_a_bots_own_keystore_is_no_authorization() -> None:
    key = encode_base64(Ed25519PrivateKey.generate().private_bytes_raw())
    document = {"client_id": APP_ID, "session_id": REQUEST_ID, "private_key": key}
    with pytest.raises(KeystoreError, match="authorization_id"):
        Authorization.load(document)


def test_secrets_are_not_shown() -> None:
    bearer = Authorization(app_id=APP_ID, scope="PROFILE:READ", access_token=BEARER)
    assert BEARER not in repr(bearer)
    authorization = signed()
    assert authorization.document()["private_key"] not in repr(authorization)


# The service's signature under an answer

KEY = Ed25519PrivateKey.generate()
CALL = Call("GET", "/me?a=b", b"")
ANSWER = b'{"data":{}}'


def integrity_token(key: Ed25519PrivateKey = KEY, **claims: Any) -> str:
    sig = request_hash(CALL.method, CALL.uri, ANSWER)
    return jwt.encode({"jti": REQUEST_ID, "sig": sig, **claims}, key, "EdDSA")


def check(token: str, text: bytes = ANSWER) -> None:
    check_integrity(token, key=KEY.public_key(), call=CALL, request_id=REQUEST_ID, text=text)


def test_the_services_signature_is_accepted() -> None:
    check(integrity_token())
    check(integrity_token(jti=REQUEST_ID.upper(), exp=1))


@pytest.mark.parametrize(
    ("token", "cause"),
    [
        (integrity_token(Ed25519PrivateKey.generate()), "signature"),
        ("not a token", "signature"),
        ("x" * 10_000, "signature"),
        (jwt.encode({"jti": REQUEST_ID}, "k" * 32, "HS256"), "signature"),
        (jwt.encode({"jti": REQUEST_ID}, "", "none"), "signature"),
        (integrity_token(jti=1), "signature"),
        (integrity_token(jti=APP_ID), "request"),
        (integrity_token(sig="0" * 64), "request"),
        (integrity_token(sig=request_hash("POST", CALL.uri, ANSWER)), "request"),
    ],
)
def test_any_other_signature_is_refused(token: str, cause: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        check(token)
    assert caught.value.cause == cause


def test_another_body_is_refused() -> None:
    with pytest.raises(IntegrityError, match="not the one that was signed"):
        check(integrity_token(), b'{"data":{"user_id":"x"}}')
