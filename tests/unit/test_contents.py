"""Every category: struct to wire and back, both spellings, what is checked before it is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.errors import ContentError
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import (
    CATEGORIES,
    AccountTransfer,
    Audio,
    Button,
    ButtonGroup,
    Card,
    Contact,
    Content,
    ConversationChange,
    File,
    Image,
    InscriptionTransfer,
    Invalid,
    Live,
    Location,
    Pin,
    Recall,
    SafeTransfer,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Transfer,
    Unknown,
    Video,
    decode_bytes,
    decode_content,
)
from tests.contents import RECEIVED, SENDABLE

ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
ALL = SENDABLE | RECEIVED


def read(category: str, value: Any) -> Content:
    return decode_bytes(category, msgspec.json.encode(value))


def test_every_category_has_a_strategy() -> None:
    assert set(ALL) == set(CATEGORIES.values())


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_struct_to_wire_and_back(kind: type[Content], data: st.DataObject) -> None:
    content = data.draw(ALL[kind])
    raw = content.encode(ID)
    assert decode_content(content.category, encode_base64(raw), None) == content


@pytest.mark.parametrize("category", [*CATEGORIES, "PLAIN_NEW"])
@given(
    raw=st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["amount", "buttons", "size", "title", "message_ids", "user_id", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(msgspec.json.encode)
)
def test_any_bytes_are_content_of_some_kind(category: str, raw: bytes) -> None:
    content = decode_bytes(category, raw)
    assert content.category == category
    if isinstance(content, Invalid):
        assert content.raw == raw
        assert content.reason


# The shapes on the wire


def test_what_is_absent_is_left_out_and_the_rest_is_named_as_on_the_wire() -> None:
    image = Image(attachment_id=ID, mime_type="image/png", size=3, width=2, height=1)
    assert msgspec.json.decode(image.encode()) == {
        "attachment_id": ID,
        "mime_type": "image/png",
        "size": 3,
        "width": 2,
        "height": 1,
    }


def test_a_transcript_carries_the_id_of_its_message() -> None:
    item = TranscriptItem(message_id=ID, message_category="PLAIN_TEXT", content="hi")
    assert msgspec.json.decode(Transcript((item,)).encode("the id")) == [
        {"transcript_id": "the id", "message_id": ID, "category": "PLAIN_TEXT", "content": "hi"}
    ]


def test_amounts_are_plain_decimal_text_and_times_have_a_zone() -> None:
    transfer = AccountTransfer(
        snapshot_id=ID,
        asset_id=ID,
        amount=Decimal("1E-8"),
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    fields = msgspec.json.decode(transfer.encode())
    assert fields["amount"] == "0.00000001"
    assert fields["created_at"] == "2020-01-01T00:00:00Z"


def test_both_spellings_are_read() -> None:
    fields: dict[str, Any] = {
        "attachment_id": ID,
        "mime_type": "audio/ogg",
        "size": 1,
        "duration": 5,
    }
    for name in ("waveform", "wave_form"):
        assert read("PLAIN_AUDIO", fields | {name: "AAA"}) == Audio(**fields, waveform="AAA")
    for name in ("opponent_id", "counter_user_id"):
        transfer = read(
            "SYSTEM_ACCOUNT_SNAPSHOT",
            {"snapshot_id": ID, "asset_id": ID, "amount": "1", name: ID, "type": "snapshot"},
        )
        assert isinstance(transfer, Transfer)
        assert transfer.opponent_id == ID
    assert read("PLAIN_STICKER", {"name": "hello", "album_id": ID}) == Sticker(
        name="hello", album_id=ID
    )
    assert read("PLAIN_STICKER", {"sticker_id": ID}) == Sticker(sticker_id=ID)
    older: dict[str, Any] = {
        "icon_url": "https://a.b/c",
        "title": "t",
        "description": "d",
        "action": "https://x.y",
    }
    assert read("APP_CARD", older) == Card(**older)
    newer: dict[str, Any] = {
        "app_id": ID,
        "cover_url": "https://a.b/c",
        "title": "t",
        "description": "d",
    }
    button = {"label": "l", "color": "#00FF00", "action": "input:hi"}
    assert read("APP_CARD", newer | {"actions": [button], "shareable": True}) == Card(
        **newer, actions=(Button(**button),), shareable=True
    )


def test_absent_empty_and_null_are_the_same() -> None:
    bare: dict[str, Any] = {
        "attachment_id": ID,
        "mime_type": "image/png",
        "size": 1,
        "width": 1,
        "height": 1,
    }
    same = {
        read("PLAIN_IMAGE", bare),
        read("PLAIN_IMAGE", bare | {"thumbnail": None}),
        read("PLAIN_IMAGE", bare | {"thumbnail": ""}),
        read("PLAIN_IMAGE", bare | {"thumbnail": "", "key": None, "something_new": [1]}),
    }
    assert same == {Image(**bare)}


@pytest.mark.parametrize(
    ("category", "value", "reason"),
    [
        ("PLAIN_IMAGE", [], "JSON object"),
        ("PLAIN_IMAGE", {}, "attachment_id"),
        ("PLAIN_IMAGE", {"attachment_id": 1}, "attachment_id"),
        ("PLAIN_VIDEO", {"attachment_id": ID, "duration": "long"}, "duration"),
        ("PLAIN_STICKER", {}, "sticker_id"),
        ("PLAIN_LOCATION", {"longitude": 500, "latitude": 0}, "longitude"),
        ("PLAIN_TRANSCRIPT", {}, "list"),
        ("PLAIN_TRANSCRIPT", [1], "JSON object"),
        ("APP_BUTTON_GROUP", {"label": "x"}, "list"),
        ("MESSAGE_PIN", {"action": "STICK", "message_ids": []}, "action"),
        ("SYSTEM_ACCOUNT_SNAPSHOT", {"snapshot_id": ID, "asset_id": ID, "amount": "NaN"}, "amount"),
        (
            "SYSTEM_SAFE_SNAPSHOT",
            {"snapshot_id": ID, "asset_id": ID, "amount": "1", "created_at": 253402300800},
            "year 10000",
        ),
        (
            "SYSTEM_SAFE_SNAPSHOT",
            {"snapshot_id": ID, "asset_id": ID, "amount": "1e999999999"},
            "amount",
        ),
    ],
)
def test_what_does_not_fit_is_invalid_with_the_reason(
    category: str, value: Any, reason: str
) -> None:
    content = read(category, value)
    assert isinstance(content, Invalid)
    assert reason in content.reason


# What is checked before it is sent

MEDIA: dict[str, Any] = {"attachment_id": ID, "mime_type": "image/png", "size": 1}
SQUARE: dict[str, Any] = {"width": 1, "height": 1}
GOOD_BUTTON = Button("label", "#46B8DA", "https://mixin.one")
KEY = encode_base64(bytes(64))
DIGEST = encode_base64(bytes(32))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (Text("\ud800"), "text"),
        (Image(**MEDIA, width=0, height=1), "width"),
        (Image(**MEDIA, width=1, height=-1), "height"),
        (Image(**MEDIA | {"size": 0}, **SQUARE), "size"),
        (Image(**MEDIA | {"mime_type": ""}, **SQUARE), "mime_type"),
        (Image(**MEDIA | {"attachment_id": "x"}, **SQUARE), "attachment_id"),
        (Image(**MEDIA, **SQUARE, key=KEY), "key and digest"),
        (Image(**MEDIA, **SQUARE, key=DIGEST, digest=DIGEST), "key: holds 32 bytes"),
        (Image(**MEDIA, **SQUARE, key=KEY, digest="*"), "digest"),
        (Video(**MEDIA, **SQUARE, duration=-1), "duration"),
        (Audio(**MEDIA, duration=-1), "duration"),
        (File(**MEDIA), "name"),
        (File(**MEDIA, name="x" * 513), "name: has 513 characters; 1 to 512"),
        (Sticker(), "sticker_id"),
        (Sticker(sticker_id="x"), "sticker_id"),
        (Contact("nobody"), "user_id"),
        (Location(longitude=181, latitude=0), "longitude"),
        (Location(longitude=0, latitude=float("nan")), "latitude"),
        (Live(url="ftp://a.b", thumb_url="https://a.b", **SQUARE), "url: should begin with"),
        (Live(url="https://a.b", thumb_url="", **SQUARE), "thumb_url"),
        (Transcript(()), "items"),
        (Transcript((TranscriptItem(message_id="x"),)), r"items\[0\].message_id"),
        (ButtonGroup(()), "buttons: there are 0"),
        (ButtonGroup((GOOD_BUTTON,) * 7), "many=True"),
        (ButtonGroup((GOOD_BUTTON,) * 19), "buttons: there are 19; 1 to 18"),
        (ButtonGroup((GOOD_BUTTON,) * 19, many=True), "buttons: there are 19; 1 to 18"),
        (ButtonGroup((Button("", "#000000", "input:x"),)), r"buttons\[0\].label"),
        (ButtonGroup((Button("x" * 37, "#000000", "input:x"),)), "has 37 characters; 1 to 36"),
        (ButtonGroup((Button("x", "red", "input:x"),)), r"buttons\[0\].color"),
        (ButtonGroup((Button("x", "#000000", "javascript:alert(1)"),)), r"buttons\[0\].action"),
        (ButtonGroup((Button("x", "#000000", "https://"),)), r"buttons\[0\].action"),
        (ButtonGroup((Button("x", "#000000", "https://[bad"),)), r"buttons\[0\].action"),
        (Card(title="", description="d"), "title: has 0 characters; 1 to 36"),
        (Card(title="t" * 37, description="d"), "title"),
        (Card(title="t", description="d" * 1025), "description: has 1025 characters; 1 to 1024"),
        (Card(title="t", description="d", app_id="x"), "app_id"),
        (Card(title="t", description="d", icon_url="data:x"), "icon_url"),
        (Card(title="t", description="d", cover_url="x"), "cover_url"),
        (Card(title="t", description="d", action="file:///etc"), "action"),
        (
            Card(title="t", description="d", actions=(Button("x", "#0", "input:x"),)),
            r"actions\[0\].color",
        ),
        (Recall("x"), "message_id"),
        (Pin("PIN", ()), "message_ids"),
        (Pin("PIN", (ID, "x")), r"message_ids\[1\]"),
    ],
)
def test_what_would_be_refused_is_refused_before_it_leaves(content: Content, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        content.encode(ID)


def test_what_only_the_service_says_cannot_be_sent() -> None:
    received = (AccountTransfer, SafeTransfer, InscriptionTransfer, ConversationChange)
    assert {kind for kind in CATEGORIES.values() if not kind.SENDABLE} == set(received)
    assert not Invalid.SENDABLE
    assert Unknown.SENDABLE
