"""Encrypted attachments: in chunks as whole, and nothing is given out before it is checked."""

from __future__ import annotations

import hashlib
import hmac
import io
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad
from cryptography.exceptions import AlreadyFinalized
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import DecryptionError
from blazebot.keys import attachments
from blazebot.keys.attachments import (
    AttachmentEncryptor,
    decrypt_attachment,
    decrypt_attachment_file,
    encrypt_attachment,
    stored_size,
    verify_attachment,
)

KEY = bytes(range(64))
IV = bytes(range(100, 116))

sizes = st.one_of(st.integers(0, 70), st.sampled_from([4095, 4096, 4097]))


def store_elsewhere(data: bytes, key: bytes = KEY, iv: bytes = IV) -> bytes:
    """Make a stored attachment as section 8 of the protocol says, with another library."""
    return sealed(iv + AES.new(key[:32], AES.MODE_CBC, iv=iv).encrypt(pad(data, 16)), key)


def sealed(encrypted: bytes, key: bytes = KEY) -> bytes:
    return encrypted + hmac.digest(key[32:], encrypted, "sha256")


def read_elsewhere(stored: bytes, key: bytes) -> bytes:
    encrypted, mac = stored[:-32], stored[-32:]
    assert hmac.digest(key[32:], encrypted, "sha256") == mac
    cipher = AES.new(key[:32], AES.MODE_CBC, iv=encrypted[:16])
    return unpad(cipher.decrypt(encrypted[16:]), 16)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def cause_of(stored: bytes, *, key: bytes = KEY, digest: bytes | None = None) -> str:
    """Why an attachment is refused: by the call itself, so before there is any plaintext."""
    with pytest.raises(DecryptionError) as caught:
        decrypt_attachment_file(
            io.BytesIO(stored), key=key, digest=sha256(stored) if digest is None else digest
        )
    assert str(caught.value)
    return caught.value.cause


class Trickle(io.BytesIO):
    """A file that gives few bytes at a time, as an unbuffered one may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(7, size or 0))


# There and back


@given(st.binary(max_size=5000))
def test_another_library_reads_what_we_store(data: bytes) -> None:
    made = encrypt_attachment(data)
    assert (len(made.stored), len(made.key)) == (stored_size(len(data)), 64)
    assert made.digest == sha256(made.stored)
    assert read_elsewhere(made.stored, made.key) == data
    assert decrypt_attachment(made.stored, key=made.key, digest=made.digest) == data


@given(st.binary(max_size=5000))
def test_we_read_what_another_library_stores(data: bytes) -> None:
    stored = store_elsewhere(data)
    assert decrypt_attachment(stored, key=KEY, digest=sha256(stored)) == data


@given(st.lists(st.binary(max_size=40)))
def test_chunked_in_any_way_is_as_whole(chunks: list[bytes]) -> None:
    drawn = {64: KEY, 16: IV}
    encryptor = AttachmentEncryptor(random=drawn.__getitem__)
    stored = b"".join([*map(encryptor.update, chunks), encryptor.finalize()])
    assert stored == store_elsewhere(b"".join(chunks))
    assert (encryptor.key, encryptor.digest) == (KEY, sha256(stored))


@given(size=sizes, chunk=st.integers(1, 100))
def test_read_in_any_chunks_is_as_whole(size: int, chunk: int) -> None:
    data = bytes(at % 251 for at in range(size))
    stored = store_elsewhere(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attachments, "CHUNK", chunk)
        for file in (io.BytesIO(stored), Trickle(stored)):
            parts = list(decrypt_attachment_file(file, key=KEY, digest=sha256(stored)))
            assert b"".join(parts) == data
            assert max(map(len, parts)) <= chunk + 15


@given(st.integers(0, 2**40))
def test_stored_size_is_that_of_the_padded_blocks(size: int) -> None:
    assert stored_size(size) == 16 + size + (16 - size % 16) + 32


def test_each_attachment_has_its_own_key_and_iv() -> None:
    made = [encrypt_attachment(b"the same") for _ in range(20)]
    assert len({one.key for one in made}) == len({one.stored[:16] for one in made}) == 20
    assert made[0].key.hex() not in repr(made[0])
    assert repr(made[0].key) not in repr(made[0])


def test_an_encryptor_is_for_one_attachment() -> None:
    encryptor = AttachmentEncryptor()
    encryptor.finalize()
    with pytest.raises(AlreadyFinalized):
        encryptor.update(b"more")
    with pytest.raises(AlreadyFinalized):
        encryptor.finalize()


def test_large_files_take_little_memory(tmp_path: Path) -> None:
    size, chunk = 64 * 1024 * 1024, bytes(1024 * 1024)
    path = tmp_path / "stored"
    tracemalloc.start()
    try:
        encryptor = AttachmentEncryptor()
        with path.open("wb") as file:
            for _ in range(size // len(chunk)):
                file.write(encryptor.update(chunk))
            file.write(encryptor.finalize())
        assert path.stat().st_size == stored_size(size)
        with path.open("rb") as file:
            parts = decrypt_attachment_file(file, key=encryptor.key, digest=encryptor.digest)
            assert sum(len(part) for part in parts if not part.strip(b"\0")) == size
        assert tracemalloc.get_traced_memory()[1] < 8 * len(chunk)
    finally:
        tracemalloc.stop()


# What is refused


def test_causes() -> None:
    stored = store_elsewhere(b"a picture")
    assert cause_of(stored, key=KEY[:32]) == "key"
    assert cause_of(b"") == "truncated"
    assert cause_of(stored[:-1]) == "truncated"
    assert cause_of(stored[:-16]) == "truncated", "not even one block"
    assert cause_of(stored, digest=sha256(b"another")) == "digest"
    assert cause_of(stored, digest=b"") == "digest"
    assert cause_of(stored, key=KEY[32:] + KEY[:32]) == "mac"
    assert cause_of(sealed(stored[:-32], KEY[::-1])) == "mac"


@pytest.mark.parametrize("last", [b"\0", b"\1\2", b"\21", b"\xff"])
@pytest.mark.parametrize("blocks", [1, 3])
def test_bad_padding_is_found_before_any_plaintext(last: bytes, blocks: int) -> None:
    padded = bytes(16 * blocks - len(last)) + last
    encrypted = IV + AES.new(KEY[:32], AES.MODE_CBC, iv=IV).encrypt(padded)
    assert cause_of(sealed(encrypted)) == "padding"


def test_the_reason_is_in_words() -> None:
    with pytest.raises(DecryptionError, match="64 bytes, this 3"):
        decrypt_attachment(b"", key=b"key", digest=b"")
    with pytest.raises(DecryptionError, match="this one has 70: fetch it again"):
        decrypt_attachment(bytes(70), key=KEY, digest=b"")


@given(size=sizes, data=st.data())
def test_any_changed_byte_is_found(size: int, data: st.DataObject) -> None:
    stored = store_elsewhere(bytes(size))
    changed = bytearray(stored)
    changed[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    assert cause_of(bytes(changed), digest=sha256(stored)) == "digest"
    assert cause_of(bytes(changed)) == "mac", "even where the message's digest was changed with it"


@given(st.binary(max_size=200), st.binary(max_size=80), st.binary(max_size=40))
def test_any_bytes_are_refused_by_name(stored: bytes, key: bytes, digest: bytes) -> None:
    assert cause_of(stored, key=key, digest=digest) in {"key", "truncated", "digest"}
    assert cause_of(stored) in {"truncated", "mac"}


def test_a_file_can_be_checked_alone() -> None:
    stored = store_elsewhere(b"a picture")
    file: BinaryIO = io.BytesIO(stored)
    file.seek(5)
    verify_attachment(file, key=KEY, digest=sha256(stored))
    with pytest.raises(DecryptionError, match="digest"):
        verify_attachment(io.BytesIO(stored[:-1] + b"\0"), key=KEY, digest=sha256(stored))


@pytest.mark.parametrize("left", [0, 80])
def test_a_file_that_shrinks_meanwhile_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    monkeypatch.setattr(attachments, "CHUNK", 16)
    stored = store_elsewhere(bytes(100))
    path = tmp_path / "stored"
    path.write_bytes(stored)
    with path.open("r+b", buffering=0) as file:
        parts = decrypt_attachment_file(file, key=KEY, digest=sha256(stored))
        assert next(parts) == bytes(16)
        file.truncate(left)
        with pytest.raises(DecryptionError) as caught:
            list(parts)
    assert caught.value.cause == "truncated"
