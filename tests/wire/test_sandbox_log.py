"""The wire log of a real sandbox, by its control API and its file."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest

from blazebot.keys.tokens import sign_token
from blazebot.sandbox.faults import Kind
from blazebot.testing.control import Control
from blazebot.wire.codec import encode_request
from tests.wire.sandbox_peers import Box, close_code, sandbox_here


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as here:
        yield here


async def entries(box: Box, **query: Any) -> list[dict[str, Any]]:
    return [entry async for entry in Control(box.http, box.url).log(**query)]


async def test_each_frame_and_call_both_ways(box: Box) -> None:
    bot, alice = await box.bot(), await box.person()
    async with box.line(bot) as line:
        await box.befriend(alice, bot)
        view = await line.view()
        await line.acknowledge(view["message_id"])
    await box.rest(bot, "GET", "/me")
    log = await entries(box)
    assert [one["number"] for one in log] == list(range(1, len(log) + 1))
    assert {one["bot_id"] for one in log} == {bot.app_id}
    shown = [
        (one.get("direction", one["kind"]), one.get("frame", one).get("action", one.get("event")))
        for one in log
    ]
    assert shown == [
        ("line", "opened"),
        ("received", "LIST_PENDING_MESSAGES"),
        ("sent", "LIST_PENDING_MESSAGES"),
        ("sent", "CREATE_MESSAGE"),
        ("received", "ACKNOWLEDGE_MESSAGE_RECEIPTS"),
        ("sent", "ACKNOWLEDGE_MESSAGE_RECEIPTS"),
        ("line", "closed"),
        ("call", None),
    ]
    pushed, call = log[3], log[-1]
    assert pushed["frame"]["data"]["message_id"] == view["message_id"]
    assert 0 < pushed["size"] < pushed["inflated"]
    assert (call["method"], call["path"], call["status"]) == ("GET", "/me", 200)
    assert call["answer"]["data"]["user_id"] == bot.app_id
    assert call["seconds"] >= 0


async def test_the_fault_that_struck_is_shown(box: Box) -> None:
    bot = await box.bot()
    await box.do("POST", "/faults", {"kind": "error", "code": 429, "only": "GET /me"})
    await box.do("POST", "/faults", {"kind": "lost_answer"})
    await box.rest(bot, "GET", "/me")
    async with box.line(bot, listing=False) as line:
        await line.socket.send_bytes(b"no frame")
        await line.frame()
        await line.socket.send_bytes(encode_request("1", "LIST_PENDING_MESSAGES"))  # no answer
        await line.request("LIST_PENDING_MESSAGES")
    log = await entries(box)
    assert (log[0]["fault"], log[0]["answer"]["error"]["code"]) == ("error", 429)
    assert ["gzip" in one["unreadable"] for one in log if "unreadable" in one] == [True]
    struck = [(one["direction"], one["frame"]["id"]) for one in log[1:] if "fault" in one]
    assert struck == [("received", "1"), ("sent", "1")]


async def test_no_token_is_kept_or_shown(box: Box) -> None:
    bot = await box.bot()
    token = sign_token(bot, "GET", "/", now=time.time())
    socket = await box.dial(token)
    await socket.close()
    await box.rest(bot, "GET", "/me")
    await box.rest(bot, "POST", "/attachments", {})
    text = json.dumps(await entries(box))
    assert "Bearer" not in text
    assert token.rpartition(".")[2] not in text
    assert '"upload_url": "(hidden)"' in text


async def test_it_is_followed_live(box: Box) -> None:
    bot = await box.bot()
    followed = aiter(Control(box.http, box.url).log(follow=True))
    for path in ("/me", "/friends"):
        waiting = asyncio.ensure_future(anext(followed))
        await box.rest(bot, "GET", path)
        async with asyncio.timeout(10):
            assert (await waiting)["path"] == path


async def test_who_follows_does_not_hold_up_the_end() -> None:
    async with aiohttp.ClientSession() as http:
        async with sandbox_here(stop_grace=30.0) as box:
            followed = aiter(Control(http, box.url).log(follow=True))
            first = asyncio.ensure_future(anext(followed))
            await box.rest(await box.bot(), "GET", "/me")
            await first
            began = time.monotonic()
        assert time.monotonic() - began < 10
        with pytest.raises(StopAsyncIteration):
            await anext(followed)


async def test_who_hangs_up_is_forgotten_even_if_nothing_was_found_for_them(box: Box) -> None:
    bot = await box.bot()
    before = len(asyncio.all_tasks())
    async with aiohttp.ClientSession() as http:
        address = f"{box.url}control/log?follow=true&containing=nothing-like-it"
        answers = [await http.get(address) for _ in range(3)]
        assert len(asyncio.all_tasks()) > before
        for answer in answers:
            answer.close()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:
            await box.rest(bot, "GET", "/me")  # something to look at


async def test_of_one_bot_only(box: Box) -> None:
    one, two = await box.bot(), await box.bot()
    for bot in (one, two, one):
        await box.rest(bot, "GET", "/me")
    assert [entry["number"] for entry in await entries(box, bot_id=one.app_id)] == [1, 3]
    assert [entry["number"] for entry in await entries(box, after=1, bot_id=two.app_id)] == [2]


async def read_log(box: Box, query: str) -> list[dict[str, Any]]:
    async with box.http.get(f"{box.url}control/log?{query}") as answer:
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_the_newest_and_those_with_a_text_only(box: Box) -> None:
    bot, alice = await box.bot(), await box.person()
    sent = await box.say(alice, "hi", recipient_id=bot.app_id)
    async with box.line(bot) as line:
        await line.acknowledge((await line.view())["message_id"])
    of_message = await read_log(box, f"containing={sent}")
    assert [(one["direction"], one["frame"]["action"]) for one in of_message] == [
        ("sent", "CREATE_MESSAGE"),
        ("received", "ACKNOWLEDGE_MESSAGE_RECEIPTS"),
    ]
    assert await read_log(box, f"containing={sent}&limit=1") == of_message[:1]
    everything = await read_log(box, "")
    assert await read_log(box, "newest=2") == everything[-2:]
    assert await read_log(box, f"newest=2&after={everything[-1]['number'] - 1}") == everything[-1:]
    assert await read_log(box, f"newest=0&containing={sent}") == []
    ahead = everything[-1]["number"] + 1  # of a run before, which had more
    assert await read_log(box, f"after={ahead}") == everything


async def test_who_goes_on_after_a_restart_misses_nothing() -> None:
    async with sandbox_here() as box:
        for _ in range(2):
            await box.rest(await box.bot(), "GET", "/me")
        async with box.http.get(f"{box.url}control/log") as answer:
            before = answer.headers["Log-Run"]
            assert len((await answer.text()).splitlines()) == 2
    async with sandbox_here() as box:
        for _ in range(3):
            await box.rest(await box.bot(), "GET", "/me")
        async with box.http.get(f"{box.url}control/log") as answer:
            now = answer.headers["Log-Run"]
        numbers = [
            [one["number"] for one in await read_log(box, f"after=2&run={run}")]
            for run in (before, now, "")
        ]
        assert numbers == [[1, 2, 3], [3], [3]]
        (newest,) = await read_log(box, f"after=3&run={before}&newest=1")
        assert newest["number"] == 3


async def test_the_newest_are_kept_in_memory_and_all_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    async with sandbox_here(log_entries=5, log_file=str(path)) as box:
        bot = await box.bot()
        for _ in range(12):
            await box.rest(bot, "GET", "/me")
        assert [one["number"] for one in await entries(box)] == [8, 9, 10, 11, 12]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["number"] for one in lines] == list(range(1, 13))


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "follow=maybe"])
async def test_a_query_that_makes_no_sense(box: Box, query: str) -> None:
    status, answer = await box.control("GET", f"/log?{query}")
    assert status == 400
    assert answer["error"]["extra"]["field"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "explode"}, 400),
        ({"kind": "drop", "times": 0}, 400),
        ({"kind": "drop", "probability": 1.5}, 400),
        ({"kind": "slow", "seconds": -1}, 400),
        ({"kind": "drop", "bot": "x"}, 400),
        ({"kind": "drop", "bot_id": "00000000-0000-4000-8000-000000000001"}, 404),
        ({}, 400),
    ],
)
async def test_a_fault_that_makes_no_sense(box: Box, body: Any, status: int) -> None:
    assert (await box.control("POST", "/faults", body))[0] == status


async def test_what_can_go_wrong_is_listed_with_what_it_takes(box: Box) -> None:
    kinds = {one["kind"]: one for one in (await box.do("GET", "/fault-kinds"))["kinds"]}
    assert set(kinds) == set(get_args(Kind))
    assert kinds["slow"] == {
        "kind": "slow",
        "occasions": ["request", "call", "handshake"],
        "seconds": 2.0,
        "code": None,
    }
    assert (kinds["error"]["seconds"], kinds["error"]["code"]) == (None, 500)


async def test_faults_are_listed_and_cleared(box: Box) -> None:
    control = Control(box.http, box.url)
    first = await control.add_fault("drop", times=None)
    second = await control.add_fault("slow")
    assert [one["fault_id"] for one in await control.faults()] == [first, second]
    await control.clear_faults(first)
    assert [one["fault_id"] for one in await control.faults()] == [second]
    await control.clear_faults()
    assert await control.faults() == []
    assert (await box.control("DELETE", "/faults/7"))[0] == 404
    assert (await box.control("DELETE", "/faults/x"))[0] == 404


@pytest.mark.parametrize("uri", ["//[x", "/%", "/?%00=%ff", "/upload/1/2/3?=&&", "/%2e%2e"])
async def test_whatever_is_asked_can_be_shown(box: Box, uri: str) -> None:
    host, _, port = box.url.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {uri} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()
    await entries(box)


async def test_the_bytes_of_attachments_are_noted_by_their_sizes(box: Box) -> None:
    bot = await box.bot()
    _, made = await box.rest(bot, "POST", "/attachments")
    async with box.http.put(made["data"]["upload_url"], data=b"x" * 1000) as answer:
        assert answer.status == 200
    async with box.http.get(made["data"]["view_url"]) as answer:
        assert len(await answer.read()) == 1000
    put, get = (await entries(box))[-2:]
    assert (put["method"], put["request_size"], put["status"]) == ("PUT", 1000, 200)
    assert put["path"].endswith("/(hidden)")
    assert (get["method"], get["answer_size"], get["status"]) == ("GET", 1000, 200)


async def test_who_hangs_up_is_no_failure(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    bot = await box.bot()
    for _ in range(2):
        await box.rest(bot, "GET", "/me")
        async with aiohttp.ClientSession() as http, http.get(f"{box.url}control/log?follow=true"):
            pass
    await entries(box)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_fault_of_a_line_is_shown(box: Box) -> None:
    bot = await box.bot()
    await box.do("POST", "/faults", {"kind": "slow", "seconds": 0.01, "only": "handshake"})
    async with box.line(bot) as line:
        await box.do("POST", "/faults", {"kind": "drop"})
        await close_code(line.socket)
    events = [one for one in await entries(box) if one["kind"] == "line"]
    assert [(one["event"], one.get("fault")) for one in events] == [
        ("opened", "slow"),
        ("closed", "drop"),
    ]
