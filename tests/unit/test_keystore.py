"""Keystores: every shape in use is read, everything else is refused by the field's name."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import KeystoreError
from blazebot.keys import keystore as keystore_module
from blazebot.keys.issue import FORMS, issue_keystore
from blazebot.keys.keystore import Keystore, PrivateKey, fingerprint
from blazebot.wire.base64 import decode_base64

VECTORS = Path(__file__).parents[1] / "vectors"

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
AUTHORIZATION_ID = "928c5c40-769c-3e97-8387-fb1ae0645311"

SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    key: PrivateKey | ec.EllipticCurvePrivateKey | X25519PrivateKey = RSA_KEY,
    *,
    pkcs8: bool = False,
    password: bytes | None = None,
) -> str:
    form = serialization.PrivateFormat
    return key.private_bytes(
        serialization.Encoding.PEM,
        form.PKCS8 if pkcs8 else form.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    ).decode()


def document(private_key: object = SEED.hex(), **fields: object) -> dict[str, Any]:
    return {
        "app_id": APP_ID,
        "session_id": SESSION_ID,
        "session_private_key": private_key,
        **fields,
    }


def seeds_form(private_key: object) -> dict[str, Any]:
    return {"client_id": APP_ID, "session_id": SESSION_ID, "private_key": private_key}


def vector_keystores() -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / "keystores.json").read_text())[
        "keystores"
    ]
    return vectors


def vector_document(vector: dict[str, Any]) -> dict[str, Any]:
    """The real file's object: PEM text, 64 columns and CRLF, where the vector has DER."""
    found: dict[str, Any] = dict(vector["keystore"])
    key = found.get("private_key")
    if isinstance(key, dict):
        lines = textwrap.wrap(key["pkcs1_der_base64"], 64)
        label = "RSA PRIVATE KEY"
        found["private_key"] = "\r\n".join(
            [f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]
        )
    return found


def private_bytes(keystore: Keystore) -> bytes:
    assert isinstance(keystore.private_key, Ed25519PrivateKey)
    return keystore.private_key.private_bytes_raw()


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """The advice about short keys comes once per process; each test counts as one."""
    keystore_module._advise_new_session.cache_clear()
    yield
    keystore_module._advise_new_session.cache_clear()


# Every shape


@pytest.mark.parametrize("vector", vector_keystores(), ids=lambda vector: vector["kind"])
def test_vectors(vector: dict[str, Any]) -> None:
    keystore = Keystore.load(vector_document(vector))
    is_rsa = "RSA" in vector["kind"]
    assert (keystore.app_id, keystore.session_id) == (APP_ID, SESSION_ID)
    assert keystore.algorithm == ("RS512" if is_rsa else "EdDSA")
    assert isinstance(keystore.private_key, rsa.RSAPrivateKey if is_rsa else Ed25519PrivateKey)
    fields = vector["keystore"]
    assert keystore.pin == fields.get("pin")
    assert keystore.pin_token == fields.get("pin_token", fields.get("pin_token_base64"))
    assert keystore.server_public_key == fields.get("server_public_key")
    assert keystore.spend_private_key == fields.get("spend_private_key")


def test_shapes_of_one_key_are_one_key() -> None:
    prints = {
        Keystore.load(vector_document(vector)).fingerprint
        for vector in vector_keystores()
        if "RSA" not in vector["kind"]
    }
    assert len(prints) == 1


def test_oauth() -> None:
    fields = {"authorization_id": AUTHORIZATION_ID.upper(), "scope": "PROFILE:READ"}
    keystore = Keystore.load({"client_id": APP_ID, "private_key": SEED.hex(), **fields})
    assert keystore.authorization_id == AUTHORIZATION_ID
    assert keystore.scope == "PROFILE:READ"
    assert keystore.session_id == ""


def test_user_id_and_upper_case() -> None:
    keystore = Keystore.load(
        {
            "user_id": f" {APP_ID.upper()}\n",
            "session_id": SESSION_ID.upper(),
            "session_private_key": SEED.hex(),
        }
    )
    assert (keystore.app_id, keystore.session_id) == (APP_ID, SESSION_ID)


@pytest.mark.parametrize("raw", [SEED, SEED + PUBLIC], ids=["32 bytes", "64 bytes"])
def test_every_spelling_of_an_ed25519_key(raw: bytes) -> None:
    standard = base64.b64encode(raw).decode()
    url = base64.urlsafe_b64encode(raw).decode()
    for text in (
        standard,
        standard.rstrip("="),
        url,
        url.rstrip("="),
        raw.hex(),
        raw.hex().upper(),
    ):
        for name in ("private_key", "session_private_key"):
            keystore = Keystore.load(
                {"client_id": APP_ID, "session_id": SESSION_ID, name: f"{text}\n"}
            )
            assert private_bytes(keystore) == SEED


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "", " ", "\\n", "\\r\\n"])
@pytest.mark.parametrize("pkcs8", [False, True], ids=["PKCS#1", "PKCS#8"])
def test_every_line_end_of_pem(line_end: str, pkcs8: bool) -> None:
    keystore = Keystore.load(seeds_form(pem(pkcs8=pkcs8).replace("\n", line_end)))
    assert keystore.fingerprint == fingerprint(RSA_KEY.public_key())


def test_ed25519_as_pem() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    assert private_bytes(Keystore.load(document(pem(key, pkcs8=True)))) == SEED


@pytest.mark.parametrize("encode", [bytes.hex, lambda raw: base64.b64encode(raw).decode()])
def test_a_key_that_is_passed_instead_of_a_keystore_is_not_shown(
    encode: Callable[[bytes], str],
) -> None:
    with pytest.raises(KeystoreError, match="there is no such file") as raised:
        Keystore.load(encode(SEED))
    assert encode(SEED)[:20] not in str(raised.value)


def test_null_and_empty_mean_absent() -> None:
    keystore = Keystore.load(document(pin=None, pin_token="", client_id=None, authorization_id=""))
    assert (keystore.pin, keystore.pin_token, keystore.authorization_id) == (None, None, None)


def test_fingerprint_is_of_the_public_key() -> None:
    keystore = Keystore.load(document())
    der = keystore.public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert keystore.fingerprint == hashlib.sha256(der).hexdigest()


# Every source


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(document())
    path = tmp_path / "keystore.json"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    path.chmod(0o600)
    keystore = Keystore.load(document())
    assert Keystore.load(keystore) is keystore
    for source in (path, str(path), text, f"\n {text}"):
        assert Keystore.load(source).fingerprint == keystore.fingerprint
    for value in (str(path), text):
        monkeypatch.setenv("BLAZEBOT_KEYSTORE", value)
        assert Keystore.load(None).fingerprint == keystore.fingerprint
    monkeypatch.delenv("BLAZEBOT_KEYSTORE")
    with pytest.raises(KeystoreError, match="BLAZEBOT_KEYSTORE"):
        Keystore.load(None)
    with pytest.raises(KeystoreError, match="BLAZEBOT_KEYSTORE"):
        Keystore.load(" ")


def test_a_file_that_others_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(document()))
    path.chmod(0o640)
    Keystore.load(path)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("blazebot.keys", logging.WARNING)
    assert f"chmod 600 {path}" in record.getMessage()
    caplog.clear()
    path.chmod(0o600)
    Keystore.load(path)
    assert not caplog.records


def test_a_short_rsa_key_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    short = vector_document(vector_keystores()[0])
    Keystore.load(seeds_form(pem()))
    assert not caplog.records
    Keystore.load(short)
    Keystore.load(short)
    (record,) = caplog.records
    assert record.name == "blazebot.keys"
    assert "new session" in record.getMessage()
    assert "Ed25519" in record.getMessage()


# Every mistake

RSA_512 = """MIIBOwIBAAJBAL5VmTuvQTqDuOa1oZIIrO60YYaGHYGyTKzDImwSE+hd/xNWD0Mh
S98AM2btYNPSXkM5feS1Xhj+eWVydj2YDlcCAwEAAQJBAL2Qk2UWT2jv+CAPljPT
4Ch+DwPkX07lPehzEL2B48Hw4ZU0MkZRc+5G9eq1r+h7nyw46yfmHHcoZlVTU7rI
4EECIQD3rkwGB5y+8LQEB6qGexNKsiQuB2obj94G/wJzw8BrowIhAMS6NBUdQZ2n
0Ju9WEXRZ/oW90mF7+f2dFNowLyrvn29AiEAtqTJWwjyBbvqg65DibfomgSTuX2u
OXT1/aK/ZC7ODpECIB4NxD8lhQyswnXIa1/fKd9O+uBEke4B/KtxaWBpbGSRAiAR
OhanRMk5Rd0Ro22wbSz1229tMp+FxXKZxkMxqs7YtA=="""

MISTAKES = {
    "no app id": ({**document(), "app_id": None}, "app_id or client_id or user_id: missing"),
    "bad app id": (document(app_id="7000103061"), "app_id: should be a UUID"),
    "app id without hyphens": (document(app_id=APP_ID.replace("-", "")), "app_id: .*UUID"),
    "number for an id": (document(session_id=7), "session_id: should be text, is int"),
    "no session id": (document(session_id=""), "session_id: missing"),
    "no key": (document(None), "session_private_key or private_key: missing"),
    "key is a list": (document([1]), "session_private_key: should be text, is list"),
    "not base64": (document("S3CRET!"), "session_private_key: should hold"),
    "not ASCII": (document("秘密" * 20), "session_private_key: should hold"),
    "31 bytes": (document(SEED[:31].hex()), "session_private_key: .* these 62 characters"),
    "48 bytes": (
        document(base64.b64encode(b"\xff" * 48).decode()),
        "session_private_key: .* these 64 ",
    ),
    "another's public half": (
        document((SEED + bytes(32)).hex()),
        "session_private_key: its public half does not belong",
    ),
    "PEM without its end": (seeds_form(pem()[:-40]), "private_key: .*truncated"),
    "PEM with a gap": (seeds_form(pem()[:400] + pem()[-100:]), "private_key: .*damaged"),
    "PEM of nothing": (
        seeds_form("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"),
        "private_key: .*damaged",
    ),
    "PEM with a password": (
        seeds_form(pem(pkcs8=True, password=b"S3CRET")),
        "private_key: .*password",
    ),
    "older PEM with a password": (seeds_form(pem(password=b"S3CRET")), "private_key: .*password"),
    "another kind of key": (
        seeds_form(pem(ec.generate_private_key(ec.SECP256R1()))),
        "private_key: should hold an RSA or Ed25519 key",
    ),
    "X25519 key": (
        seeds_form(pem(X25519PrivateKey.generate(), pkcs8=True)),
        "private_key: should hold an RSA or Ed25519 key",
    ),
    "RSA of 512 bits": (
        seeds_form(f"-----BEGIN RSA PRIVATE KEY-----\n{RSA_512}\n-----END RSA PRIVATE KEY-----"),
        "private_key: .*at least 1024 bits, has 512",
    ),
    "bad authorization id": (document(authorization_id="x"), "authorization_id: should be a UUID"),
    "no scope": (document(authorization_id=AUTHORIZATION_ID), "scope: missing"),
    "number for a pin": (document(pin=123456), "pin: should be text, is int"),
    "object for a pin token": (document(pin_token={}), "pin_token: should be text, is dict"),
}


@pytest.mark.parametrize(("fields", "words"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(KeystoreError, match=f"^{words}") as caught:
        Keystore.load(fields)
    assert_shows_nothing_of(fields, caught.value)
    with pytest.raises(KeystoreError, match=words):
        Keystore.load(json.dumps(fields))


def assert_shows_nothing_of(fields: dict[str, Any], error: KeystoreError) -> None:
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    secrets = ("private_key", "session_private_key", "pin", "pin_token", "spend_private_key")
    for name in secrets:
        value = fields.get(name)
        if isinstance(value, str):
            assert all(piece not in str(error) for piece in value.split() if len(piece) > 3)
        elif isinstance(value, int):
            assert str(value) not in str(error)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{", "keystore: should be one JSON object"),
        ("{}}", "keystore: should be one JSON object"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("{" + json.dumps(document())[1:-1], "should be one JSON object"),
        (pem(), "keystore: should be a path or a JSON object"),
        ("no\0path", "characters that no path can have"),
        ("x" * 10_000, "cannot be read"),
        ("{\ud800}", "should be one JSON object"),
        ("\ud800", "characters that no path can have"),
    ],
)
def test_bad_sources(source: str, words: str) -> None:
    with pytest.raises(KeystoreError, match=words) as caught:
        Keystore.load(source)
    assert "PRIVATE" not in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(KeystoreError, match=r"missing\.json: there is no such file"):
        Keystore.load(missing)
    with pytest.raises(KeystoreError, match="is a directory"):
        Keystore.load(tmp_path)
    for content in (b"[]", b"\x00\xff", b"", b'"text"', b"null"):
        path = tmp_path / "keystore.json"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeystoreError, match=r"keystore\.json: should be one JSON object"):
            Keystore.load(path)


def test_a_mistake_in_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAZEBOT_KEYSTORE", "{}")
    with pytest.raises(KeystoreError, match=r"^BLAZEBOT_KEYSTORE: app_id"):
        Keystore.load()


def test_repr_shows_no_secret() -> None:
    for vector in vector_keystores():
        fields = vector_document(vector)
        shown = f"{Keystore.load(fields)!r}{Keystore.load(fields)}"
        assert APP_ID in shown
        for name, value in fields.items():
            if name not in ("app_id", "client_id", "session_id"):
                assert value not in shown
                assert name not in shown
        assert "Key object" not in shown
    for form in FORMS:
        issued = issue_keystore(form, APP_ID, SESSION_ID)
        assert all(value not in repr(issued) for value in issued.document.values())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        [APP_ID, SEED.hex(), RSA_512, pem()[:200], "-----BEGIN A-----\n-----END A-----"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
field_names = st.sampled_from(
    [
        *("app_id", "client_id", "user_id", "session_id", "private_key", "session_private_key"),
        *("pin", "pin_token", "pin_token_base64", "server_public_key", "spend_private_key"),
        *("authorization_id", "scope"),
    ]
)


@given(st.dictionaries(field_names | st.text(), json_values))
def test_any_object_is_a_keystore_or_a_keystore_error(fields: dict[str, Any]) -> None:
    with contextlib.suppress(KeystoreError):
        assert Keystore.load(fields).app_id


@given(json_values)
def test_any_key_is_a_key_or_a_keystore_error(key: object) -> None:
    with contextlib.suppress(KeystoreError):
        assert Keystore.load(document(key)).algorithm == "EdDSA"


# Issuing


@pytest.mark.parametrize("form", FORMS)
def test_what_is_issued_loads(form: str) -> None:
    issued = issue_keystore(form, APP_ID.upper(), SESSION_ID.upper())
    keystore = Keystore.load(issued.document)
    assert (keystore.app_id, keystore.session_id) == (APP_ID, SESSION_ID)
    assert keystore.fingerprint == fingerprint(issued.public_key)
    assert (issued.curve_public_key is None) == (form == "rsa")


def test_issued_rsa_has_the_seeds_form() -> None:
    issued = issue_keystore("rsa", APP_ID, SESSION_ID)
    assert list(issued.document) == ["pin", "client_id", "session_id", "pin_token", "private_key"]
    text = issued.document["private_key"]
    assert text.startswith("-----BEGIN RSA PRIVATE KEY-----\r\n")
    assert text.endswith("-----END RSA PRIVATE KEY-----\r\n")
    assert text.count("\n") == text.count("\r\n")
    assert max(map(len, text.split("\r\n"))) == 64
    assert len(issued.document["pin"]) == 6
    assert issued.document["pin"].isdecimal()


@pytest.mark.parametrize("bits", [1024, 2048])
def test_issued_rsa_pin_token_decrypts(bits: int) -> None:
    issued = issue_keystore("rsa", APP_ID, SESSION_ID, rsa_bits=bits)
    key = Keystore.load(issued.document).private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == bits
    label = OAEP(MGF1(SHA256()), SHA256(), label=SESSION_ID.encode())
    assert len(key.decrypt(base64.b64decode(issued.document["pin_token"]), label)) == 32


def test_issued_ed25519_form() -> None:
    document = issue_keystore("ed25519", APP_ID, SESSION_ID).document
    assert list(document) == ["pin", "client_id", "session_id", "pin_token", "private_key"]
    assert len(document["private_key"]) == 86
    assert len(document["pin_token"]) == 43
    X25519PublicKey.from_public_bytes(decode_base64(document["pin_token"]))


def test_issued_app_form() -> None:
    document = issue_keystore("app", APP_ID, SESSION_ID).document
    secrets = ["session_private_key", "spend_private_key"]
    assert list(document) == ["app_id", "session_id", "server_public_key", *secrets]
    assert [len(bytes.fromhex(document[name])) for name in secrets] == [32, 32]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(document["server_public_key"]))


def test_issued_network_user_form() -> None:
    document = issue_keystore("network-user", APP_ID, SESSION_ID).document
    assert list(document) == ["app_id", "session_id", "session_private_key", "pin_token_base64"]
    X25519PublicKey.from_public_bytes(decode_base64(document["pin_token_base64"]))


def test_curve_public_key_is_the_same_point() -> None:
    """The birational map of RFC 7748, section 4.1: u = (1 + y) / (1 - y)."""
    issued = issue_keystore("app", APP_ID, SESSION_ID)
    assert isinstance(issued.public_key, Ed25519PublicKey)
    assert issued.curve_public_key is not None
    prime = 2**255 - 19
    y = int.from_bytes(issued.public_key.public_bytes_raw(), "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, -1, prime) % prime
    assert decode_base64(issued.curve_public_key) == u.to_bytes(32, "little")
    assert "=" not in issued.curve_public_key


def test_issuing_checks_what_it_is_given() -> None:
    with pytest.raises(KeystoreError, match=r"no form 'dsa'.*rsa, ed25519, app, network-user"):
        issue_keystore("dsa", APP_ID, SESSION_ID)
    with pytest.raises(KeystoreError, match="session_id: should be a UUID"):
        issue_keystore("app", APP_ID, "1")
