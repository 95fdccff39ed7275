"""Every JSON sample of the source documents is read by the wire, as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from blazebot.errors import KeystoreError
from blazebot.keys.keystore import Keystore
from blazebot.wire.codec import decode_frame, decode_json, encode_json, encode_request
from blazebot.wire.codec import parse_frame as parse
from blazebot.wire.messages import IncomingRequest, MessageView, Receipt

SAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "seeds.json").read_text(encoding="utf-8")
)["samples"]

CONTENTS = {
    "PLAIN_IMAGE": {"attachment_id", "mime_type", "width", "height", "size", "thumbnail"},
    "PLAIN_VIDEO": {
        *("attachment_id", "mime_type", "width", "height", "size", "duration", "thumbnail"),
    },
    "PLAIN_DATA": {"attachment_id", "mime_type", "size", "name"},
    "PLAIN_STICKER": {"name", "album_id"},
    "PLAIN_CONTACT": {"user_id"},
    "APP_BUTTON_GROUP": {"label", "color", "action"},
    "APP_CARD": {"icon_url", "title", "description", "action"},
}


def without(pattern: str, text: str) -> str:
    """Return ``text`` without what the pattern finds outside of strings."""
    return re.sub(rf'("(?:\\.|[^"\\])*")|{pattern}', lambda match: match[1] or "", text)


def values(text: str) -> list[Any]:
    """Return the JSON values of a sample, one after another."""
    for pattern in (r"//[^\n]*", r"\.\.\.", r",(?=\s*[}\]])"):
        text = without(pattern, text)
    # One sample breaks a line within a string.
    decoder = json.JSONDecoder(strict=False)
    found = []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def of_kind(kind: str) -> list[Any]:
    found = []
    for sample in SAMPLES:
        sample_values = values(sample["text"])
        assert len(sample_values) == len(sample["kinds"])
        found += [
            value
            for name, value in zip(sample["kinds"], sample_values, strict=True)
            if name == kind
        ]
    assert found
    return found


def test_every_kind_is_looked_at() -> None:
    kinds = {kind for sample in SAMPLES for kind in sample["kinds"]}
    assert kinds == {
        *("keystore", "message request", "bare request", "batch request", "receipt request"),
        *("view", "error", "answer", "receipts"),
        *(f"content {category}" for category in CONTENTS),
    }
    assert {page for sample in SAMPLES for page in sample["pages"]} == {
        f"{number:03}" for number in range(5)
    }


@pytest.mark.parametrize("value", of_kind("message request"))
def test_message_requests(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    request = decode_json(frame.params, IncomingRequest)
    assert frame.action == "CREATE_MESSAGE"
    assert (request.conversation_id, request.status) == ("UUID", "SENT")
    assert request.message_id.startswith("UUID")
    assert request.category.startswith(("PLAIN_", "APP_"))
    assert request.data == "Base64 encoded data"
    again = decode_frame(encode_request(frame.id, frame.action, request))
    assert json.loads(bytes(again.params)) == value["params"]


@pytest.mark.parametrize("value", of_kind("bare request"))
def test_bare_requests(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    assert (frame.id, frame.action) == ("UUID", "LIST_PENDING_MESSAGES")
    assert bytes(frame.params) == b""


@pytest.mark.parametrize("value", of_kind("batch request"))
def test_batch_requests(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    assert frame.action == "CREATE_PLAIN_MESSAGES"
    batch = decode_json(frame.params, dict[str, list[IncomingRequest]])
    (request,) = batch["messages"]
    assert (request.recipient_id, request.status) == ("UUID", None)


@pytest.mark.parametrize("value", of_kind("receipt request"))
def test_receipt_requests(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    assert frame.action == "ACKNOWLEDGE_MESSAGE_RECEIPT"
    assert decode_json(frame.params, Receipt).status == "READ"


@pytest.mark.parametrize("value", of_kind("view"))
def test_views(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    view = decode_json(frame.data, MessageView)
    assert frame.action == "CREATE_MESSAGE"
    assert view.is_message
    assert (view.category, view.source) == ("PLAIN_TEXT", "LIST_PENDING_MESSAGES")
    assert view.created.isoformat() == "2020-11-02T12:47:32.472333+00:00"
    assert {name: getattr(view, name) for name in value["data"]} == value["data"]


@pytest.mark.parametrize("value", of_kind("error"))
def test_errors(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    assert frame.id == "0623f846-aa86-4664-bb65-0e5559890a5c"
    assert frame.error is not None
    exception = frame.error.to_exception()
    assert (exception.code, exception.description) == (20121, "Authorization code expired.")


@pytest.mark.parametrize("value", of_kind("answer"))
def test_answers(value: dict[str, Any]) -> None:
    frame = parse(encode_json(value))
    assert frame.action == "CREATE_PLAIN_MESSAGES"
    assert bytes(frame.params) == b'"mRm5rm9bkQztvpsaTyz1Rib0BEM0S1FKl"'


@pytest.mark.parametrize("value", of_kind("receipts"))
def test_receipts(value: list[dict[str, str]]) -> None:
    receipts = decode_json(encode_json(value), list[Receipt])
    assert receipts == [Receipt("928c5c40-769c-3e97-8387-fb1ae0645311", "READ")]


@pytest.mark.parametrize("category", CONTENTS)
def test_contents(category: str) -> None:
    (value,) = of_kind(f"content {category}")
    for item in value if isinstance(value, list) else [value]:
        assert set(item) == CONTENTS[category]


@pytest.mark.parametrize("value", of_kind("keystore"))
def test_keystores_are_shortened_and_refused_for_that(value: dict[str, str]) -> None:
    assert list(value) == ["pin", "client_id", "session_id", "pin_token", "private_key"]
    with pytest.raises(KeystoreError, match=r"^private_key: the PEM block"):
        Keystore.load(value)
