"""Encrypted messages: read from an independent client, and readable by another library."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from Crypto.Cipher import AES
from Crypto.Protocol import DH
from Crypto.Util.Padding import unpad
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import DecryptionError, EncryptionError, KeystoreError
from blazebot.keys import encryption
from blazebot.keys.curve import curve_private_key, curve_public_key
from blazebot.keys.encryption import (
    SESSIONS_LIMIT,
    MessageCipher,
    Recipient,
    encrypted_size,
    session_ids,
    sessions_checksum,
)
from blazebot.wire.base64 import decode_base64

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "encrypted_messages.json").read_text(encoding="utf-8")
)["cases"]

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CAUSES = {"version", "truncated", "session", "key", "tampered"}


class Session:
    """Somebody's session: all that it has follows from its number."""

    def __init__(self, number: int) -> None:
        self.id = str(UUID(int=number))
        self.seed = hashlib.sha256(b"%d" % number).digest()
        self.key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.recipient = Recipient(self.id, curve_public_key(self.key.public_key()))

    def cipher(self) -> MessageCipher:
        return MessageCipher(self.id, self.key)


SENDER, *SESSIONS = (Session(number) for number in range(1, 7))
RECIPIENTS = [session.recipient for session in SESSIONS]


def message_key_elsewhere(slot: bytes, seed: bytes, sender_key: bytes) -> bytes:
    shared = DH.key_agreement(
        static_priv=DH.import_x25519_private_key(hashlib.sha512(seed).digest()[:32]),
        static_pub=DH.import_x25519_public_key(sender_key),
        kdf=lambda raw: raw,
    )
    key = unpad(AES.new(shared, AES.MODE_CBC, iv=slot[16:32]).decrypt(slot[32:64]), 16)
    assert len(key) == 16
    return key


def read_elsewhere(blob: bytes, session_id: str, seed: bytes) -> bytes:
    """Read a message as section 8 of the protocol says, with another library."""
    assert blob[0] == 1
    end = 35 + 64 * int.from_bytes(blob[1:3], "little")
    slots = [blob[at : at + 64] for at in range(35, end, 64)]
    (slot,) = [slot for slot in slots if slot[:16] == UUID(session_id).bytes]
    key = message_key_elsewhere(slot, seed, blob[3:35])
    nonce, ciphertext, tag = blob[end : end + 12], blob[end + 12 : -16], blob[-16:]
    return AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(ciphertext, tag)


def cause_of(blob: bytes, cipher: MessageCipher) -> str:
    with pytest.raises(DecryptionError) as caught:
        cipher.decrypt(blob)
    assert str(caught.value)
    return caught.value.cause


# What an independent client made


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_recipient_reads_the_vectors(case: dict[str, Any]) -> None:
    blob, plaintext = decode_base64(case["ciphertext_base64url"]), case["plaintext_utf8"].encode()
    ids = [recipient["session_id"] for recipient in case["recipients"]]
    assert session_ids(blob) == ids
    assert len(blob) == encrypted_size(len(plaintext), len(ids))
    for recipient in case["recipients"]:
        seed = bytes.fromhex(recipient["ed25519_seed_hex"])
        key = Ed25519PrivateKey.from_private_bytes(seed)
        assert MessageCipher(recipient["session_id"], key).decrypt(blob) == plaintext
        assert read_elsewhere(blob, recipient["session_id"], seed) == plaintext


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_checksums_of_the_vectors(case: dict[str, Any]) -> None:
    ids = [recipient["session_id"] for recipient in case["recipients"]]
    assert sessions_checksum(ids) == case["checksum"]
    assert sessions_checksum(session_id.upper() for session_id in reversed(ids)) == case["checksum"]


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_curve_keys_of_the_vectors(case: dict[str, Any]) -> None:
    for session in [case["sender"], *case["recipients"]]:
        seed = bytes.fromhex(session["ed25519_seed_hex"])
        key = Ed25519PrivateKey.from_private_bytes(seed)
        public_key = curve_private_key(key).public_key().public_bytes_raw()
        assert public_key == decode_base64(session["public_key"])
        assert public_key == curve_public_key(key.public_key())


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_we_make_the_vectors(case: dict[str, Any]) -> None:
    """The same message key, nonce and IVs give the same bytes."""
    blob, sender = decode_base64(case["ciphertext_base64url"]), case["sender"]
    recipients = [
        Recipient(recipient["session_id"], decode_base64(recipient["public_key"]))
        for recipient in case["recipients"]
    ]
    end = 35 + 64 * len(recipients)
    seed = bytes.fromhex(case["recipients"][0]["ed25519_seed_hex"])
    message_key = message_key_elsewhere(blob[35:99], seed, blob[3:35])
    drawn = {
        16: iter([message_key, *(blob[at + 16 : at + 32] for at in range(35, end, 64))]),
        12: iter([blob[end : end + 12]]),
    }
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(sender["ed25519_seed_hex"]))
    cipher = MessageCipher(sender["session_id"], key, random=lambda size: next(drawn[size]))
    assert cipher.encrypt(case["plaintext_utf8"].encode(), recipients) == blob


# There and back


@given(st.binary(max_size=2000), st.integers(1, len(SESSIONS)))
def test_what_we_encrypt_is_read_by_everyone_it_is_for(plaintext: bytes, count: int) -> None:
    blob = SENDER.cipher().encrypt(plaintext, RECIPIENTS[:count])
    assert len(blob) == encrypted_size(len(plaintext), count)
    assert session_ids(blob) == [session.id for session in SESSIONS[:count]]
    for session in SESSIONS[:count]:
        assert session.cipher().decrypt(blob) == plaintext
        assert read_elsewhere(blob, session.id, session.seed) == plaintext
    assert {cause_of(blob, session.cipher()) for session in SESSIONS[count:]} <= {"session"}
    assert cause_of(blob, SENDER.cipher()) == "session"


def test_no_two_encryptions_are_alike() -> None:
    blobs = {SENDER.cipher().encrypt(b"", RECIPIENTS[:1]) for _ in range(50)}
    assert len({blob[51:67] for blob in blobs}) == 50, "IV"
    assert len({blob[99:111] for blob in blobs}) == 50, "nonce"


def test_as_many_sessions_as_allowed() -> None:
    recipients = [Recipient(str(uuid4()), RECIPIENTS[0].public_key) for _ in range(509)]
    blob = SENDER.cipher().encrypt(b"all", [*recipients, RECIPIENTS[1]])
    assert blob[1:3] == b"\xfe\x01", "little-endian"
    assert SESSIONS[1].cipher().decrypt(blob) == b"all"


def test_conversions_agree_with_another_library() -> None:
    for session in SESSIONS:
        key = DH.import_x25519_private_key(hashlib.sha512(session.seed).digest()[:32])
        assert key.public_key().export_key(format="raw") == session.recipient.public_key


# Remembering


def test_a_cipher_remembers_what_it_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanged: list[bytes] = []
    exchange = encryption._shared_key

    def counted(own: X25519PrivateKey, public_key: bytes) -> AES256:
        exchanged.append(public_key)
        return exchange(own, public_key)

    monkeypatch.setattr(encryption, "_shared_key", counted)
    first, other = SESSIONS[0].recipient.public_key, SESSIONS[1].recipient.public_key
    cipher = MessageCipher(SENDER.id, SENDER.key, remembered=1)
    messages = [
        (session.recipient.public_key, session.cipher().encrypt(b"hi", [SENDER.recipient]))
        for session in SESSIONS[:2]
    ]
    exchanged.clear()
    for blob in [messages[0][1]] * 3:
        assert cipher.decrypt(blob) == b"hi"
    cipher.encrypt(b"a reply", RECIPIENTS[:1])
    assert exchanged == [first], "once for all messages, in both directions"
    cipher.decrypt(messages[1][1])
    cipher.decrypt(messages[0][1])
    assert exchanged == [first, other, first], "and no more are remembered than allowed"


# What cannot be read


def test_causes() -> None:
    blob = SENDER.cipher().encrypt(b"hello", RECIPIENTS[:2])
    cipher = SESSIONS[1].cipher()
    assert cause_of(b"\2" + blob[1:], cipher) == "version"
    assert cause_of(b"", cipher) == "truncated"
    assert cause_of(blob[:34], cipher) == "truncated"
    assert cause_of(blob[: encrypted_size(0, 2) - 1], cipher) == "truncated"
    assert cause_of(blob[:1] + b"\xff\xff" + blob[3:], cipher) == "truncated"
    assert cause_of(blob, SESSIONS[2].cipher()) == "session"
    assert cause_of(blob, MessageCipher(SESSIONS[1].id, SESSIONS[2].key)) == "key"
    assert cause_of(blob[:3] + bytes(32) + blob[35:], cipher) == "key", "a point of low order"
    assert cause_of(blob[:-1], cipher) == "tampered"
    assert cause_of(blob + b"\0", cipher) == "tampered"
    assert cause_of(blob, MessageCipher(SESSIONS[1].id, RSA_KEY)) == "rsa"


def test_the_reason_is_in_words() -> None:
    blob = SENDER.cipher().encrypt(b"hello", RECIPIENTS[:2])
    with pytest.raises(DecryptionError, match=f"this session, {SENDER.id}, but for 2 others"):
        SENDER.cipher().decrypt(blob)
    with pytest.raises(DecryptionError, match=r"for 2 sessions has at least 191 bytes.*one 100"):
        SENDER.cipher().decrypt(blob[:100])
    with pytest.raises(DecryptionError, match=r"RSA keystore .*new session"):
        MessageCipher(SENDER.id, RSA_KEY).decrypt(b"")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    cipher = SESSIONS[0].cipher()
    assert cause_of(data, cipher) in CAUSES
    assert cause_of(b"\1\1\0" + data, cipher) in CAUSES


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=48, max_size=48), st.binary())
def test_any_bytes_for_our_session_are_refused(key: bytes, slot: bytes, rest: bytes) -> None:
    session = SESSIONS[0]
    blob = b"\1\1\0" + key + UUID(session.id).bytes + slot + rest
    assert cause_of(blob, session.cipher()) in CAUSES


def test_no_changed_byte_yields_another_plaintext() -> None:
    """Each byte, each bit of it; what is not for this session is not authenticated for it."""
    blob = SENDER.cipher().encrypt(b"to the letter", RECIPIENTS[:2])
    cipher = SESSIONS[0].cipher()
    others_slot = range(99, 163)
    for at in range(len(blob)):
        for bit in range(8):
            changed = bytearray(blob)
            changed[at] ^= 1 << bit
            # X25519 does not look at the highest bit of a public key.
            if at in others_slot or (at, bit) == (34, 7):
                assert cipher.decrypt(bytes(changed)) == b"to the letter"
            else:
                assert cause_of(bytes(changed), cipher) in CAUSES


# What cannot be encrypted


@pytest.mark.parametrize("count", [0, SESSIONS_LIMIT + 1])
def test_how_many_sessions(count: int) -> None:
    with pytest.raises(EncryptionError, match=f"1 to 510 sessions, not for {count}"):
        SENDER.cipher().encrypt(b"", RECIPIENTS[:1] * count)


@pytest.mark.parametrize(
    "public_key", [b"", bytes(31), b"\x09" * 33, bytes(32), (1).to_bytes(32, "little")]
)
def test_bad_public_keys(public_key: bytes) -> None:
    bad = Recipient(SESSIONS[1].id, public_key)
    with pytest.raises(EncryptionError, match=f"{bad.session_id}: its public key .* 32 bytes"):
        SENDER.cipher().encrypt(b"", [RECIPIENTS[0], bad])


def test_bad_session_ids() -> None:
    with pytest.raises(EncryptionError, match="should be a UUID, not 'me'"):
        SENDER.cipher().encrypt(b"", [Recipient("me", RECIPIENTS[0].public_key)])
    with pytest.raises(KeystoreError, match="session_id"):
        MessageCipher("", SENDER.key)


def test_an_rsa_keystore_cannot_encrypt() -> None:
    with pytest.raises(EncryptionError, match="RSA"):
        MessageCipher(SENDER.id, RSA_KEY).encrypt(b"", RECIPIENTS[:1])


def test_the_point_that_has_no_counterpart() -> None:
    """y = 1, the neutral element: u would be infinite, and is 0, which is refused."""
    neutral = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    assert curve_public_key(neutral) == bytes(32)


def test_a_cipher_shows_no_secret() -> None:
    cipher = SENDER.cipher()
    cipher.encrypt(b"", RECIPIENTS)
    shown = repr(cipher) + repr(vars(cipher))
    for form in (SENDER.seed.hex(), base64.b64encode(SENDER.seed).decode(), repr(SENDER.seed)):
        assert form not in shown
