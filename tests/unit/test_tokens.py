"""Tokens: those of an independent client verify, ours are theirs, all else has its cause."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import TokenError
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import (
    LIFETIME,
    Claims,
    algorithm_of,
    read_token,
    request_hash,
    sign_token,
    verify_token,
)
from blazebot.wire.base64 import encode_base64

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "tokens.json").read_text()
)
NOW = 1_795_219_627
APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
AUTHORIZATION_ID = "928c5c40-769c-3e97-8387-fb1ae0645311"

ED25519 = Keystore.load(VECTORS["keystore"])
RSA = Keystore.load(issue_keystore("rsa", APP_ID, SESSION_ID).document)
SHORT_RSA = Keystore.load(issue_keystore("rsa", APP_ID, SESSION_ID, rsa_bits=1024).document)
OAUTH = Keystore.load(
    {**VECTORS["keystore"], "authorization_id": AUTHORIZATION_ID, "scope": "PROFILE:READ"}
)


def claims_of(**changes: object) -> dict[str, object]:
    return {
        "uid": APP_ID,
        "sid": SESSION_ID,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "1",
        "sig": request_hash("GET", "/"),
        "scp": "FULL",
        **changes,
    }


def signed(claims: object, headers: dict[str, Any] | None = None) -> str:
    """A token signed with the right key, whatever it claims."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), ED25519.private_key, "EdDSA", headers)


def verify(token: str, keystore: Keystore = ED25519, now: float = NOW) -> Claims:
    return verify_token(token, public_key=keystore.public_key, now=now, method="GET", uri="/")


def cause_of(call: Callable[[], object]) -> str:
    with pytest.raises(TokenError) as caught:
        call()
    assert caught.value.__cause__ is None
    return caught.value.cause


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["uri"])
def test_vectors(vector: dict[str, str]) -> None:
    method, uri, body = vector["method"], vector["uri"], vector["body"].encode()
    algorithm, unverified = read_token(vector["token"])
    assert algorithm == "EdDSA"
    assert (unverified.uid, unverified.sid) == (APP_ID, SESSION_ID)
    claims = verify_token(
        vector["token"], public_key=ED25519.public_key, now=NOW, method=method, uri=uri, body=body
    )
    assert claims == unverified
    assert (claims.iat, claims.exp, claims.scp) == (NOW, NOW + 3600, "FULL")
    assert claims.jti == vector["request_id"]
    ours = sign_token(
        ED25519, method, uri, body, now=NOW, lifetime=3600, request_id=vector["request_id"]
    )
    assert ours == vector["token"]


@pytest.mark.parametrize("keystore", [ED25519, RSA, SHORT_RSA], ids=["EdDSA", "RS512", "short"])
def test_round_trip(keystore: Keystore) -> None:
    token = sign_token(keystore, "POST", "/messages?a=%20b", b"[]", now=NOW + 0.9)
    claims = verify_token(
        token,
        public_key=keystore.public_key,
        now=NOW,
        method="POST",
        uri="/messages?a=%20b",
        body=b"[]",
    )
    assert read_token(token) == (keystore.algorithm, claims)
    assert keystore.algorithm == algorithm_of(keystore.public_key)
    assert (claims.uid, claims.sid, claims.scp) == (APP_ID, SESSION_ID, "FULL")
    assert (claims.iss, claims.aid) == ("", "")
    assert (claims.iat, claims.exp) == (NOW, NOW + LIFETIME)
    assert UUID(claims.jti).version == 4
    assert claims.jti != read_token(sign_token(keystore, "GET", "/", now=NOW))[1].jti


def test_on_behalf_of_a_user() -> None:
    claims = verify(sign_token(OAUTH, "GET", "/", now=NOW))
    assert (claims.iss, claims.aid, claims.scp) == (APP_ID, AUTHORIZATION_ID, "PROFILE:READ")
    assert (claims.uid, claims.sid) == ("", "")


def test_header_without_typ_is_read() -> None:
    token = signed(claims_of(), {"typ": None})
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA"}
    assert verify(token).uid == APP_ID


def test_unknown_claims_and_fractions_are_read() -> None:
    assert verify(signed(claims_of(iat=NOW + 0.5, aud=["x"], more={}))).iat == NOW + 0.5


def test_upper_case_sig_is_read() -> None:
    verify(signed(claims_of(sig=request_hash("GET", "/").upper())))


@pytest.mark.parametrize(
    ("iat", "cause"),
    [
        (NOW - 300, None),
        (NOW + 300, None),
        (NOW - 301, "clock"),
        (NOW + 301, "clock"),
        (0, "clock"),
        (-1, "malformed"),
        (10**400, "malformed"),
        (2**53 + 2, "malformed"),
        (1e308, "malformed"),
        (float("nan"), "malformed"),
        (float("inf"), "malformed"),
        (True, "malformed"),
        (str(NOW), "malformed"),
        (None, "malformed"),
        ([], "malformed"),
    ],
)
def test_iat(iat: object, cause: str | None) -> None:
    token = signed(claims_of(iat=iat, exp=NOW + 60))
    if cause is None:
        verify(token)
    else:
        assert cause_of(lambda: verify(token)) == cause


@pytest.mark.parametrize(
    ("exp", "cause"),
    [
        (NOW + 1, None),
        (NOW + 365 * 24 * 3600, None),
        (NOW, "expired"),
        (NOW - 1, "expired"),
        (-1, "malformed"),
        (10**400, "malformed"),
        (False, "malformed"),
    ],
)
def test_exp(exp: object, cause: str | None) -> None:
    token = signed(claims_of(exp=exp))
    if cause is None:
        verify(token)
    else:
        assert cause_of(lambda: verify(token)) == cause


def test_each_claim_that_times_need_is_required() -> None:
    for name in ("iat", "exp"):
        claims = claims_of()
        del claims[name]
        assert cause_of(partial(verify, signed(claims))) == "malformed"


@pytest.mark.parametrize(
    ("method", "uri", "body"),
    [("POST", "/", b""), ("GET", "/me", b""), ("GET", "/", b"x"), ("GET", "/?", b"")],
)
def test_a_token_for_another_request(method: str, uri: str, body: bytes) -> None:
    token = sign_token(ED25519, "GET", "/", now=NOW)

    def check(check_request: bool) -> Claims:
        return verify_token(
            token,
            public_key=ED25519.public_key,
            now=NOW,
            method=method,
            uri=uri,
            body=body,
            check_request=check_request,
        )

    assert cause_of(lambda: check(True)) == "request"
    assert check(False).sig != request_hash(method, uri, body)


def test_request_hash_is_over_bytes() -> None:
    raw = b"/search/\xff\xe4"
    escaped = raw.decode("utf-8", "surrogateescape")
    assert request_hash("GET", escaped) == request_hash("", "", b"GET" + raw)
    assert (
        request_hash("GET", "/")
        == "f837ebeb4c2981ad9c64b70d0b0d18724c76c60781b9e4bf7a582510df7ada39"
    )


def test_another_key() -> None:
    for form in ("ed25519", "rsa"):
        other = Keystore.load(issue_keystore(form, APP_ID, SESSION_ID).document)
        mine = RSA if form == "rsa" else ED25519
        token = sign_token(other, "GET", "/", now=NOW)
        assert cause_of(partial(verify, token, mine)) == "signature"


def test_a_changed_claim() -> None:
    head, _, signature = sign_token(ED25519, "GET", "/", now=NOW).split(".")
    forged = encode_base64(json.dumps(claims_of(uid=SESSION_ID)).encode())
    assert cause_of(lambda: verify(f"{head}.{forged}.{signature}")) == "signature"


def unsigned(header: object, claims: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(encode_base64(part) for part in parts)


def test_no_algorithm_but_the_keys_own() -> None:
    public = ED25519.public_key
    assert isinstance(public, Ed25519PublicKey)
    confused = jwt.encode(claims_of(), public.public_bytes_raw(), "HS256")
    tokens = [
        confused,
        sign_token(RSA, "GET", "/", now=NOW),
        jwt.encode(claims_of(), RSA.private_key, "RS256"),
        unsigned({"alg": "none"}, claims_of()),
        unsigned({"alg": "eddsa"}, claims_of()),
        unsigned({"alg": ""}, claims_of()),
        unsigned({"alg": ["EdDSA"]}, claims_of()),
        unsigned({}, claims_of()),
    ]
    for token in tokens:
        assert cause_of(partial(verify, token)) == "algorithm"
    assert cause_of(lambda: verify(sign_token(ED25519, "GET", "/", now=NOW), RSA)) == "algorithm"
    assert (
        cause_of(lambda: verify(jwt.encode(claims_of(), RSA.private_key, "RS256"), RSA))
        == "algorithm"
    )


GOOD = sign_token(ED25519, "GET", "/", now=NOW)
HEAD, CLAIMS, SIGNATURE = GOOD.split(".")

MALFORMED = {
    "empty": "",
    "no dots": "token",
    "dots": "..",
    "many dots": "." * 50,
    "two parts": f"{HEAD}.{CLAIMS}",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "white space": f" {GOOD}",
    "not ASCII": GOOD + "é",
    "surrogates": GOOD + "\ud800",
    "too long": GOOD + "A" * 10_000,
    "header is a list": unsigned([], {}),
    "header is deep": f"{encode_base64(b'[' * 3000)}.{CLAIMS}.{SIGNATURE}",
    "header has a huge number": f"{encode_base64(b'1' * 5000)}.{CLAIMS}.{SIGNATURE}",
    "header is not UTF-8": f"{encode_base64(bytes([255]))}.{CLAIMS}.{SIGNATURE}",
    "detached": unsigned({"alg": "EdDSA", "b64": False, "crit": ["b64"]}, {}),
    "unknown crit": unsigned({"alg": "EdDSA", "crit": ["x"]}, claims_of()),
    "kid is a number": unsigned({"alg": "EdDSA", "kid": 1}, claims_of()),
}


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED)
def test_malformed(token: str) -> None:
    assert cause_of(lambda: read_token(token)) == "malformed"
    assert cause_of(lambda: verify(token)) == "malformed"


@pytest.mark.parametrize("claims", [[], "x", 1, None, {}, {**claims_of(), "uid": 1}])
def test_malformed_claims(claims: object) -> None:
    token = signed(claims)
    assert cause_of(lambda: read_token(token)) == "malformed"
    assert cause_of(lambda: verify(token)) == "malformed"


def test_an_algorithm_is_text() -> None:
    assert cause_of(lambda: read_token(unsigned({"alg": 1}, claims_of()))) == "malformed"
    assert cause_of(lambda: read_token(unsigned({}, claims_of()))) == "malformed"


def check_only_token_errors(token: str) -> None:
    for call in (read_token, verify):
        with contextlib.suppress(TokenError):
            call(token)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text(token: str) -> None:
    check_only_token_errors(token)


@given(st.lists(st.binary(), min_size=3, max_size=3))
def test_any_parts(parts: list[bytes]) -> None:
    check_only_token_errors(".".join(map(encode_base64, parts)))


@given(json_values | st.dictionaries(st.sampled_from(["alg", "typ", "kid", "b64"]), json_values))
def test_any_header(header: object) -> None:
    check_only_token_errors(unsigned(header, claims_of()))


@given(st.dictionaries(st.sampled_from(list(claims_of())), json_values))
def test_any_signed_claims(changes: dict[str, object]) -> None:
    check_only_token_errors(signed(claims_of(**changes)))


@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.characters())
def test_any_changed_character(place: int, character: str) -> None:
    token = GOOD[:place] + character + GOOD[place + 1 :]
    if token != GOOD:
        with pytest.raises(TokenError):
            verify(token)


@given(st.text(), st.text(), st.binary())
def test_any_request(method: str, uri: str, body: bytes) -> None:
    token = sign_token(ED25519, method, uri, body, now=NOW)
    claims = verify_token(
        token, public_key=ED25519.public_key, now=NOW, method=method, uri=uri, body=body
    )
    assert claims.sig == request_hash(method, uri, body)
