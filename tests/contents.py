"""Hypothesis strategies for contents of every category, such as a bot may meet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from blazebot.wire.base64 import encode_padded_base64
from blazebot.wire.content import (
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
    Live,
    Location,
    Pin,
    Post,
    Recall,
    SafeTransfer,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Video,
)

ids = st.uuids().map(str)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
maybe = words | st.none()
sizes = st.integers(1, 2**40)
pixels = st.integers(1, 20_000)
links = st.sampled_from(["https://mixin.one/a?b=c#d", "http://example.com", "https://例え.jp/絵"])
actions = links | st.just("mixin://users/1") | words.map("input:{}".format).filter(str.strip)
actions = actions.filter(lambda text: text.rstrip("/") != "input:")
keys = st.fixed_dictionaries(
    {
        "key": st.binary(min_size=64, max_size=64).map(encode_padded_base64),
        "digest": st.binary(min_size=32, max_size=32).map(encode_padded_base64),
    }
) | st.just({"key": None, "digest": None})
amounts = st.decimals(
    allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12
)
times = st.none() | st.datetimes(
    min_value=datetime(1970, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.just(UTC),
)

buttons = st.builds(
    Button,
    label=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36),
    color=st.from_regex(r"#[0-9A-Fa-f]{6}", fullmatch=True),
    action=actions,
)


def media(kind: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Content]:
    return st.builds(
        lambda secrets, **others: kind(**secrets, **others),
        keys,
        attachment_id=ids,
        mime_type=words,
        size=sizes,
        **fields,
    )


transfer: dict[str, Any] = {
    "snapshot_id": ids,
    "asset_id": ids,
    "amount": amounts,
    "opponent_id": ids | st.none(),
    "type": st.just("snapshot"),
    "memo": words | st.just(""),
    "created_at": times,
}

SENDABLE: dict[type[Content], st.SearchStrategy[Content]] = {
    Text: st.builds(Text, st.text(st.characters(exclude_categories=["Cs"]))),
    Post: st.builds(Post, st.text(st.characters(exclude_categories=["Cs"]))),
    Image: media(Image, width=pixels, height=pixels, thumbnail=maybe),
    Video: media(
        Video, width=pixels, height=pixels, duration=st.integers(0, 2**31), thumbnail=maybe
    ),
    Audio: media(Audio, duration=st.integers(0, 2**31), waveform=maybe),
    File: media(File, name=words),
    Sticker: st.builds(Sticker, sticker_id=ids) | st.builds(Sticker, name=words, album_id=ids),
    Contact: st.builds(Contact, ids),
    Location: st.builds(
        Location,
        longitude=st.floats(-180, 180),
        latitude=st.floats(-90, 90),
        name=maybe,
        address=maybe,
    ),
    Live: st.builds(
        Live,
        url=links,
        thumb_url=links,
        width=pixels,
        height=pixels,
        shareable=st.none() | st.booleans(),
    ),
    Transcript: st.builds(
        Transcript,
        st.lists(
            st.builds(
                TranscriptItem,
                message_id=ids,
                message_category=words,
                user_full_name=maybe,
                content=maybe,
                media_size=st.none() | sizes,
                mentions=st.none() | st.lists(ids, min_size=1, max_size=3),
            ),
            min_size=1,
            max_size=4,
        ).map(tuple),
    ),
    ButtonGroup: st.builds(
        lambda some: ButtonGroup(tuple(some), many=len(some) > 6),
        st.lists(buttons, min_size=1, max_size=18),
    ),
    Card: st.builds(
        Card,
        title=words,
        description=words,
        app_id=st.none() | ids,
        icon_url=st.none() | links,
        cover_url=st.none() | links,
        action=st.none() | actions,
        actions=st.lists(buttons, max_size=6).map(tuple),
        shareable=st.none() | st.booleans(),
    ),
    Recall: st.builds(Recall, ids),
    Pin: st.builds(
        Pin, st.sampled_from(["PIN", "UNPIN"]), st.lists(ids, min_size=1, max_size=5).map(tuple)
    ),
}
"""What a bot may send, valid, by kind."""

RECEIVED: dict[type[Content], st.SearchStrategy[Content]] = {
    AccountTransfer: st.builds(AccountTransfer, trace_id=ids | st.none(), **transfer),
    SafeTransfer: st.builds(
        SafeTransfer, user_id=ids, transaction_hash=words, deposit_hash=maybe, **transfer
    ),
    InscriptionTransfer: st.builds(
        InscriptionTransfer, user_id=ids, inscription_hash=words, **transfer
    ),
    ConversationChange: st.builds(
        ConversationChange,
        action=st.sampled_from(
            ["CREATE", "ADD", "REMOVE", "JOIN", "EXIT", "ROLE", "UPDATE", "EXPIRE"]
        ),
        participant_id=ids,
        user_id=ids | st.none(),
        role=st.none() | st.sampled_from(["OWNER", "ADMIN"]),
        expire_in=st.none() | st.integers(0, 10**6),
    ),
}
"""What only the service says."""

ATTACHMENT_ID = "0fd630f1-f29d-4da9-953f-48f1a09f76b5"
MESSAGE_ID = "6b0d549b-6f03-475a-9600-a35a099950d8"
USER_ID = "36f675cc-81e7-4ef5-a8e2-5d940ed90475"
_ATTACHED: dict[str, Any] = {"attachment_id": ATTACHMENT_ID, "size": 1024}
_BUTTON = Button("Press 这里", "#46B8DA", "input:pressed")

EXAMPLES: dict[type[Content], Content] = {
    Text: Text("hello 你好 🚀"),
    Post: Post("# Title\n\n*Markdown*"),
    Image: Image(**_ATTACHED, mime_type="image/png", width=3, height=2, thumbnail="iVBORw0KGgo="),
    Video: Video(**_ATTACHED, mime_type="video/mp4", width=3, height=2, duration=1500),
    Audio: Audio(**_ATTACHED, mime_type="audio/ogg", duration=1500, waveform="AAECAw=="),
    File: File(**_ATTACHED, mime_type="application/pdf", name="paper.pdf"),
    Sticker: Sticker(sticker_id=ATTACHMENT_ID),
    Contact: Contact(USER_ID),
    Location: Location(longitude=139.767, latitude=35.681, name="東京駅", address="Marunouchi"),
    Live: Live(
        url="https://a.example/live.m3u8", thumb_url="https://a.example/1.png", width=3, height=2
    ),
    Transcript: Transcript(
        (TranscriptItem(message_id=MESSAGE_ID, message_category="PLAIN_TEXT", content="hi"),)
    ),
    ButtonGroup: ButtonGroup((_BUTTON,)),
    Card: Card(title="Card", description="of the newer form", actions=(_BUTTON,), shareable=True),
}
"""One of each kind that stands for itself: recall and pin need a message to be about."""
