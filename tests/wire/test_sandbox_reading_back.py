"""What a person's client looks up: one conversation, one message, pins, and words in a history."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.sandbox.rules import sightings
from blazebot.wire.base64 import encode_base64
from tests.wire.sandbox_peers import Box, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


def data(**fields: Any) -> str:
    return encode_base64(json.dumps(fields).encode())


async def refused(box: Box, path: str) -> bool:
    status, _ = await box.control("GET", path)
    return status == 403


async def group_of(box: Box, *people: str) -> str:
    owner, *others = people
    group = await box.do("POST", f"/people/{owner}/conversations", {"participants": others})
    return str(group["conversation_id"])


async def test_one_conversation_is_as_in_the_list(box: Box) -> None:
    alice, bob, eve = await box.person("Alice"), await box.person("Bob"), await box.person("Eve")
    await box.say(bob, "hi", recipient_id=alice)
    (listed,) = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
    path = f"conversations/{listed['conversation_id']}"
    shown = await box.do("GET", f"/people/{alice}/{path}")
    assert (shown["name"], shown["unread"]) == ("Bob", 1)
    assert shown["last_message"]["text"] == "hi"
    assert shown == listed
    assert await refused(box, f"/people/{eve}/{path}")


async def test_a_recall_is_not_unread(box: Box) -> None:
    alice, bob = await box.person("Alice"), await box.person("Bob")
    sent = await box.say(bob, "oops", recipient_id=alice)
    recall = {"category": "MESSAGE_RECALL", "data_base64": data(message_id=sent)}
    await box.do("POST", f"/people/{bob}/messages", {"recipient_id": alice, **recall})
    (shown,) = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
    assert shown["unread"] == 0


async def test_one_message_is_shown_to_who_sees_it(box: Box) -> None:
    alice, bob, eve = await box.person("Alice"), await box.person("Bob"), await box.person("Eve")
    group = await group_of(box, alice, bob)
    early = await box.say(alice, "before Eve", conversation_id=group)
    members = {"action": "ADD", "participants": [{"user_id": eve}]}
    await box.do("POST", f"/people/{alice}/conversations/{group}/participants", members)
    late = await box.say(alice, "with Eve", conversation_id=group)
    assert (await box.do("GET", f"/people/{bob}/messages/{early}"))["text"] == "before Eve"
    assert (await box.do("GET", f"/people/{eve}/messages/{late.upper()}"))["text"] == "with Eve"
    for hidden in (early, new_id()):
        assert await refused(box, f"/people/{eve}/messages/{hidden}")


async def test_pins_are_told(box: Box) -> None:
    alice, bob = await box.person("Alice"), await box.person("Bob")
    group = await group_of(box, alice, bob)
    sent = [await box.say(alice, f"{number}", conversation_id=group) for number in range(4)]
    pins = f"/people/{bob}/conversations/{group}/pins"

    async def pin(action: str, *ids: str) -> list[str]:
        change = {"category": "MESSAGE_PIN", "data_base64": data(action=action, message_ids=ids)}
        await box.do("POST", f"/people/{alice}/messages", {"conversation_id": group, **change})
        return [one["text"] for one in (await box.do("GET", pins))["messages"]]

    assert await pin("PIN", sent[3], sent[0]) == ["0", "3"]
    assert await pin("UNPIN", sent[0]) == ["3"]
    assert await refused(box, f"/people/{await box.person()}/conversations/{group}/pins")


async def test_words_are_found_page_by_page(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "_SEARCHED", 5)
    alice, bob = await box.person("Alice"), await box.person("Bob")
    group = await group_of(box, alice, bob)
    for number in range(12):
        await box.say(alice, f"Tea {number}" if number % 3 == 0 else "x", conversation_id=group)
    post = {"category": "PLAIN_POST", "data_base64": text("# TEA in a post")}
    await box.do("POST", f"/people/{alice}/messages", {"conversation_id": group, **post})
    hidden = {"text": "tea, in secret", "encrypted": True}
    await box.do("POST", f"/people/{alice}/messages", {"conversation_id": group, **hidden})
    search = f"/people/{bob}/conversations/{group}/search?text=tEa&limit=2"
    found, calls, before = [], 0, ""
    while True:
        page = await box.do("GET", search + before)
        assert len(page["messages"]) <= 2
        found += [one["text"] or one["category"] for one in page["messages"]]
        calls += 1
        if not page["more"]:
            break
        before = f"&before={page['before']}"
    assert found == ["tea, in secret", "PLAIN_POST", "Tea 9", "Tea 6", "Tea 3", "Tea 0"]
    assert calls > 3
