"""Base64 and content: every form is read, nothing is guessed, nothing is raised."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import ContentError
from blazebot.wire.base64 import decode_base64, encode_base64, encode_padded_base64
from blazebot.wire.content import Content, Invalid, Text, Unknown, decode_content

white_space = st.sampled_from(["", " ", "\n", "\r\n", "\t"])


@given(st.binary())
def test_what_we_write(data: bytes) -> None:
    assert encode_base64(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert encode_padded_base64(data) == base64.b64encode(data).decode()


@given(st.binary(), st.booleans(), st.booleans(), st.integers(1, 80), white_space)
def test_every_form_is_read(data: bytes, url: bool, padded: bool, width: int, space: str) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    text = encode(data).decode()
    if not padded:
        text = text.rstrip("=")
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    assert decode_base64(space.join(["", *lines, ""])) == data


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA*A", "A=AA", "=AAA", "AA==AA", "ÄÄÄÄ", "\ud800"])
def test_malformed_base64(text: str) -> None:
    with pytest.raises(ContentError, match="malformed base64"):
        decode_base64(text)


@given(st.text())
def test_any_base64(text: str) -> None:
    try:
        data = decode_base64(text)
    except ContentError:
        return
    assert decode_base64(encode_base64(data)) == data


@given(st.text())
def test_text_round_trips(text: str) -> None:
    raw = Text(text).encode()
    for data_base64, data in (
        (encode_base64(raw), None),
        (None, encode_padded_base64(raw)),
        ("", encode_padded_base64(raw)),
    ):
        assert decode_content("PLAIN_TEXT", data_base64, data) == Text(text)


def test_data_base64_is_preferred() -> None:
    assert decode_content("PLAIN_TEXT", encode_base64(b"new"), "*") == Text("new")


def test_text_that_is_no_unicode_cannot_be_sent() -> None:
    with pytest.raises(ContentError, match="surrogates"):
        Text("\ud83d").encode()


def test_absent_content() -> None:
    assert decode_content("PLAIN_TEXT", None, None) == Text("")
    assert decode_content("PLAIN_NEW", "", "") == Unknown("PLAIN_NEW", b"")


def test_unknown_category_keeps_its_bytes() -> None:
    raw = bytes(range(256))
    for category in ("PLAIN_NEW", "SYSTEM_USER", "SIGNAL_TEXT", "", "plain_text"):
        content = decode_content(category, encode_base64(raw), None)
        assert content == Unknown(category, raw)
        assert content.category == category
        assert content.encode() == raw


def test_malformed_base64_is_reported() -> None:
    content = decode_content("PLAIN_TEXT", "*é", None)
    assert isinstance(content, Invalid)
    assert (content.name, content.raw) == ("PLAIN_TEXT", "*é".encode())
    assert "malformed base64" in content.reason
    assert isinstance(decode_content("PLAIN_TEXT", "\ud800", None), Invalid)


def test_text_that_is_not_utf_8_is_reported() -> None:
    content = decode_content("PLAIN_TEXT", encode_base64(b"ab\xff"), None)
    assert content == Invalid("PLAIN_TEXT", b"ab\xff", "text is not UTF-8 at byte 2")


@given(st.text() | st.just("PLAIN_TEXT"), st.none() | st.text(), st.none() | st.text())
def test_any_strings(category: str, data_base64: str | None, data: str | None) -> None:
    assert isinstance(decode_content(category, data_base64, data), Content)


@given(st.sampled_from(["PLAIN_TEXT", "PLAIN_IMAGE"]), st.binary())
def test_any_bytes(category: str, raw: bytes) -> None:
    content = decode_content(category, encode_base64(raw), None)
    if isinstance(content, Text):
        assert content.encode() == raw
    else:
        assert isinstance(content, Unknown | Invalid)
        assert content.raw == raw


@given(st.text(st.characters(categories=["Cs"]), min_size=1))
def test_surrogates_are_no_base64(text: str) -> None:
    assert isinstance(decode_content("PLAIN_TEXT", text, text), Invalid)
