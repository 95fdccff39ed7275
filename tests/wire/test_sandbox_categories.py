"""Every category through the sandbox in both directions, checked, with its bytes as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.content import (
    CATEGORIES,
    Audio,
    Button,
    ButtonGroup,
    Card,
    Contact,
    Content,
    File,
    Image,
    Invalid,
    Live,
    Location,
    Pin,
    Post,
    Recall,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Transfer,
    Unknown,
    Video,
    decode_bytes,
)
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES
from tests.wire.sandbox_peers import Box, Line, body_of, new_id, sandbox_here, text

ID = "c94ac88f-4671-3976-b60a-09064f1811e8"
PICTURE: dict[str, Any] = {
    "attachment_id": ID,
    "mime_type": "image/png",
    "size": 70,
    "width": 2,
    "height": 1,
}
BUTTON = Button(label="Yes", color="#46B8DA", action="input:yes")

EXAMPLES: list[Content] = [
    Text("你好 🚀"),
    Post("# Title\n\n*words*"),
    Image(**PICTURE, thumbnail="iVBORw0KGgo="),
    Video(**PICTURE | {"mime_type": "video/mp4"}, duration=1500),
    Audio(attachment_id=ID, mime_type="audio/ogg", size=9, duration=2000, waveform="AAEC"),
    File(attachment_id=ID, mime_type="application/pdf", size=9, name="a.pdf"),
    Sticker(sticker_id=ID),
    Contact(ID),
    Location(longitude=139.7, latitude=35.7, name="東京"),
    Live(url="https://example.com/a.m3u8", thumb_url="https://example.com/a", width=1, height=1),
    Transcript((TranscriptItem(message_id=ID, message_category="PLAIN_TEXT", content="hi"),)),
    Unknown("PLAIN_SOMETHING_NEW", b"\x00\xff anything"),
    ButtonGroup((BUTTON,) * 18, many=True),
    Card(title="New", description="words", app_id=ID, actions=(BUTTON,)),
    Card(title="Old", description="words", icon_url="https://example.com/i", action="https://x.y"),
]
NAMES = [f"{type(one).__name__}-{number}" for number, one in enumerate(EXAMPLES)]


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


class Pair:
    """A person and a bot on its line, whose Hello is behind it."""

    def __init__(self, box: Box, person: str, bot: Keystore, where: str, line: Line) -> None:
        self.box, self.person, self.bot, self.where, self.line = box, person, bot, where, line

    def request(self, category: str, data: bytes, **fields: Any) -> dict[str, Any]:
        return {
            "conversation_id": self.where,
            "recipient_id": self.person,
            "message_id": new_id(),
            "category": category,
            "data_base64": encode_base64(data),
        } | fields

    async def say(self, category: str, data: bytes, **fields: Any) -> tuple[int, Any]:
        message = {"conversation_id": self.where, "category": category} | fields
        message["data_base64"] = encode_base64(data)
        return await self.box.control("POST", f"/people/{self.person}/messages", message)

    async def sees(self) -> list[dict[str, Any]]:
        return (await self.box.sees(self.person))[1:]

    async def refused(self, request: dict[str, Any]) -> dict[str, Any]:
        frame = await self.line.request(CREATE_MESSAGE, request)
        assert frame.error is not None
        return {"code": frame.error.code, **frame.error.extra}


@pytest.fixture
async def pair(box: Box) -> AsyncIterator[Pair]:
    person, bot = await box.person(), await box.bot()
    where = await box.befriend(person, bot)
    async with box.line(bot) as line:
        await line.acknowledge((await line.view())["message_id"])
        yield Pair(box, person, bot, where, line)


def test_every_category_has_an_example() -> None:
    service = {kind for kind in CATEGORIES.values() if not kind.SENDABLE}
    assert {type(one) for one in EXAMPLES} - {Unknown} == {*CATEGORIES.values()} - service - {
        Recall,
        Pin,
    }  # these two stand in test_sandbox_editing


@pytest.mark.parametrize("content", EXAMPLES, ids=NAMES)
async def test_from_a_person_to_a_bot(pair: Pair, content: Content) -> None:
    message_id = new_id()
    data = content.encode(message_id)
    status, sent = await pair.say(content.category, data, message_id=message_id)
    assert status == 200, sent
    view = await pair.line.view()
    assert (view["message_id"], view["category"]) == (message_id, content.category)
    assert decode_base64(view["data_base64"]) == decode_base64(view["data"]) == data
    assert decode_bytes(content.category, data) == content


@pytest.mark.parametrize("content", EXAMPLES, ids=NAMES)
async def test_from_a_bot_to_a_person(pair: Pair, content: Content) -> None:
    requests = []
    for _ in range(3):
        message_id = new_id()
        data = content.encode(message_id)
        requests.append(pair.request(content.category, data, message_id=message_id))
    body_of(await pair.line.request(CREATE_MESSAGE, requests[0]))
    _, answer = await pair.box.rest(pair.bot, "POST", "/messages", requests[1])
    assert answer == {}
    if content.category.startswith("PLAIN_"):
        batch = {"messages": requests[2:]}
        assert (await pair.line.request(CREATE_PLAIN_MESSAGES, batch)).error is None
    else:
        del requests[2]
    seen = await pair.sees()
    assert [(one["message_id"], one["category"], one["data_base64"]) for one in seen] == [
        (one["message_id"], one["category"], one["data_base64"]) for one in requests
    ]


BAD: list[tuple[str, bytes, str]] = [
    ("PLAIN_TEXT", b"\xff", "UTF-8"),
    ("PLAIN_POST", b"\xff", "UTF-8"),
    ("PLAIN_IMAGE", b"no json", "JSON"),
    ("PLAIN_IMAGE", b"{}", "attachment_id"),
    ("PLAIN_DATA", b'{"attachment_id": 1}', "attachment_id"),
    ("PLAIN_STICKER", b"{}", "sticker_id"),
    ("PLAIN_CONTACT", b'{"user_id": "alice"}', "user_id"),
    ("PLAIN_LOCATION", b'{"longitude": 200, "latitude": 0}', "longitude"),
    ("PLAIN_LIVE", b"[]", "object"),
    ("PLAIN_TRANSCRIPT", b"{}", "list"),
    ("PLAIN_TRANSCRIPT", b"[]", "items"),
    ("APP_BUTTON_GROUP", encode_json([BUTTON] * 19), "18"),
    ("APP_BUTTON_GROUP", encode_json([{"label": "x" * 37, "color": "#46B8DA"}]), "action"),
    ("APP_BUTTON_GROUP", encode_json([Button("x" * 37, "#46B8DA", "input:x")]), "label"),
    ("APP_BUTTON_GROUP", encode_json([Button("x", "blue", "input:x")]), "color"),
    ("APP_CARD", encode_json({"title": "x" * 37, "description": "x"}), "title"),
    ("MESSAGE_RECALL", b"{}", "message_id"),
    ("MESSAGE_PIN", encode_json({"action": "STICK", "message_ids": [ID]}), "action"),
    ("MESSAGE_PIN", encode_json({"action": "PIN", "message_ids": []}), "message_ids"),
    ("ENCRYPTED_TEXT", b"\x02", "version"),
]


@pytest.mark.parametrize(("category", "data", "word"), BAD)
async def test_what_does_not_fit_is_refused(
    pair: Pair, category: str, data: bytes, word: str
) -> None:
    refused = await pair.refused(pair.request(category, data))
    assert (refused["code"], refused["field"]) == (10002, "data_base64")
    assert word in refused["reason"]
    _, answer = await pair.box.rest(pair.bot, "POST", "/messages", pair.request(category, data))
    assert answer["error"]["code"] == 10002
    status, answer = await pair.say(category, data)
    assert (status, answer["error"]["code"]) == (400, 10002)
    assert await pair.sees() == []
    # But who wants to see how a bot copes with it sends it all the same.
    assert (await pair.say(category, data, unchecked=True))[0] == 200
    if not category.startswith("ENCRYPTED_"):  # it names no session of the bot
        assert decode_base64((await pair.line.view())["data"]) == data


async def test_a_transcript_carries_the_id_of_its_message(pair: Pair) -> None:
    content = Transcript((TranscriptItem(message_id=ID, message_category="PLAIN_TEXT"),))
    for transcript_id in ("", new_id()):
        request = pair.request("PLAIN_TRANSCRIPT", content.encode(transcript_id))
        assert "transcript_id" in (await pair.refused(request))["reason"]


async def test_more_than_the_documents_say_but_clients_send_is_taken(pair: Pair) -> None:
    for category, document in (
        ("PLAIN_IMAGE", {"attachment_id": ID}),
        ("PLAIN_AUDIO", {"attachment_id": ID, "wave_form": "AAEC", "size": "9"}),
        ("PLAIN_LIVE", {"url": "rtmp://example.com/live"}),
        ("PLAIN_STICKER", {"name": "smile"}),
    ):
        body_of(
            await pair.line.request(CREATE_MESSAGE, pair.request(category, encode_json(document)))
        )


async def test_checking_can_be_switched_off() -> None:
    async with sandbox_here(check_contents=False) as box:
        person, bot = await box.person(), await box.bot()
        where = await box.befriend(person, bot)
        async with box.line(bot) as line:
            await line.view()
            body_of(
                await line.request(
                    CREATE_MESSAGE,
                    {
                        "conversation_id": where,
                        "message_id": new_id(),
                        "category": "PLAIN_IMAGE",
                        "data_base64": text("no picture"),
                    },
                )
            )
            content = decode_bytes("PLAIN_IMAGE", b"no picture")
            assert isinstance(content, Invalid)
            assert (await box.sees(person))[1]["data_base64"] == encode_base64(content.raw)


async def test_quotes_mentions_and_the_rest_are_carried(pair: Pair) -> None:
    quoted = await pair.box.say(pair.person, "quote me", conversation_id=pair.where)
    fields: dict[str, Any] = {
        "quote_message_id": quoted,
        "silent": True,
        "expire_in": 3600,
        "mentions": [pair.person.upper()],
        "representative_id": ID,
    }
    request = pair.request("PLAIN_TEXT", b"hi", **fields)
    body_of(await pair.line.request(CREATE_MESSAGE, request))
    seen = (await pair.sees())[1]
    assert {name: seen[name] for name in fields} == fields | {"mentions": [pair.person]}

    del fields["representative_id"]
    assert (await pair.say("PLAIN_TEXT", b"hi", **fields))[0] == 200
    await pair.line.view()
    await pair.line.pushed()  # the receipt
    view = await pair.line.view()
    assert {name: view[name] for name in ("quote_message_id", "silent", "expire_in")} == {
        "quote_message_id": quoted,
        "silent": True,
        "expire_in": 3600,
    }
    for bad in ({"mentions": ["alice"]}, {"mentions": [ID] * 257}, {"expire_in": -1}):
        assert (await pair.refused(pair.request("PLAIN_TEXT", b"hi", **bad)))["code"] == 10002


# What only the service says


@pytest.mark.parametrize(
    ("category", "own_field"),
    [
        ("SYSTEM_ACCOUNT_SNAPSHOT", "trace_id"),
        ("SYSTEM_SAFE_SNAPSHOT", "transaction_hash"),
        ("SYSTEM_SAFE_INSCRIPTION", "inscription_hash"),
    ],
)
async def test_a_bot_is_told_of_a_transfer(pair: Pair, category: str, own_field: str) -> None:
    transfer = {"bot_id": pair.bot.app_id, "category": category, "amount": "0.010", "memo": "tea"}
    told = await pair.box.do("POST", f"/people/{pair.person}/transfers", transfer)
    view = await pair.line.view()
    assert (view["message_id"], view["category"]) == (told["message_id"], category)
    assert (view["user_id"], view["conversation_id"]) == (pair.person, pair.where)
    data = decode_base64(view["data"])
    document = decode_json(data, dict[str, Any])
    assert document == told["transfer"]
    assert document["opponent_id"] == document["counter_user_id"] == pair.person
    assert document["amount"] == "0.010"
    content = decode_bytes(category, data)
    assert isinstance(content, Transfer)
    assert (str(content.amount), content.memo, content.created_at is None) == (
        "0.010",
        "tea",
        False,
    )
    assert document[own_field]


async def test_transfers_are_checked(pair: Pair) -> None:
    path = f"/people/{pair.person}/transfers"
    for bad in (
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"amount": "much"},
        {"amount": "0.000000001"},
        {"amount": 1},
        {"asset_id": "gold"},
        {"category": "SYSTEM_USER"},
    ):
        transfer = {"bot_id": pair.bot.app_id} | bad
        status, answer = await pair.box.control("POST", path, transfer)
        assert (status, answer["error"]["code"]) == (400, 10002), bad
    for stranger in (new_id(), pair.person):
        assert (await pair.box.control("POST", path, {"bot_id": stranger}))[0] == 404


async def test_a_bot_cannot_speak_as_the_service(pair: Pair) -> None:
    for category in ("SYSTEM_ACCOUNT_SNAPSHOT", "SYSTEM_CONVERSATION"):
        assert (await pair.refused(pair.request(category, b"{}")))["code"] == 403


async def test_a_new_group_is_announced(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    new = {"creator_id": alice, "participants": [bot.app_id]}
    group = await box.do("POST", "/groups", new)
    async with box.line(bot) as line:
        view = await line.view()
        assert (view["category"], view["conversation_id"]) == (
            "SYSTEM_CONVERSATION",
            group["conversation_id"],
        )
        assert decode_json(decode_base64(view["data"]), dict[str, Any]) == {
            "action": "CREATE",
            "participant_id": alice,
            "user_id": alice,
        }
        await line.acknowledge(view["message_id"])
        await line.list_pending()
        assert await line.silent()
    assert [one["category"] for one in await box.sees(alice)] == ["SYSTEM_CONVERSATION"]
